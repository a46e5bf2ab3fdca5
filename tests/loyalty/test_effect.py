"""Ratios and several covariates agree with tea-tasting and least squares, and skewed values are covered as well as any."""

import numpy as np
import polars as pl
import pytest
import tea_tasting as tt

from loyalty import skew
from loyalty.effect import compare
from loyalty.moments import Moments, of_rows
from loyalty.variance_cut import Shape

EXACT = {"rel": 1e-9, "abs": 1e-12}


PLAIN = Shape()


def read(columns, held, shape=PLAIN, share=0.5):
    flat = of_rows(columns, held.astype(int), 2)
    pair = Moments(*(part[None, None] for part in (flat.n, flat.mean, flat.second, flat.third)))
    return compare(pair, np.full((1, 1), share), shape)


def rows(seed, units=900):
    draw = np.random.default_rng(seed)
    orders, earlier = 1.0 + draw.poisson(3, units), 1.0 + draw.poisson(3, units)
    taste = draw.gamma(2, 2, units)
    frame = {"money": orders * taste, "orders": orders, "before": earlier * (taste + draw.normal(0, 1, units)), "earlier": earlier}
    return frame, draw.random(units) < 0.5


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_ratio_is_what_tea_tasting_finds(seed, cut):
    frame, held = rows(seed)
    names = ("money", "orders", "before", "earlier") if cut else ("money", "orders")
    ours = read([frame[name] for name in names], held, Shape(ratio=True, covariate_ratio=cut))
    metric = tt.RatioOfMeans(*names, use_t=True, equal_var=False)
    data = pl.DataFrame(frame).with_columns(arm=pl.Series(np.where(held, "hold_out", "contact")))
    theirs = tt.Experiment({"m": metric}, variant="arm").analyze(data, control="hold_out")["m"]
    assert ours.effect[0] == pytest.approx(theirs.effect_size, **EXACT)
    assert (ours.low[0], ours.high[0]) == (pytest.approx(theirs.effect_size_ci_lower, **EXACT),
                                           pytest.approx(theirs.effect_size_ci_upper, **EXACT))  # fmt: skip
    assert ours.p_value[0] == pytest.approx(theirs.pvalue, rel=1e-7, abs=1e-12)


def test_several_covariates_take_out_what_least_squares_would():
    draw = np.random.default_rng(4)
    one, two = draw.normal(size=600), draw.normal(size=600)
    held = draw.random(600) < 0.5
    value = 2 * one - 0.5 * two + draw.normal(size=600) + 0.3 * ~held
    both = np.column_stack([np.ones(600), one, two])
    theta = np.linalg.lstsq(both, value, rcond=None)[0]
    adjusted = value - both[:, 1:] @ theta[1:]
    ours = read([value, one, two], held)
    assert ours.effect[0] == pytest.approx(adjusted[~held].mean() - adjusted[held].mean(), **EXACT)
    twice = read([value, one, two, one], held)
    assert twice.se[0] == pytest.approx(ours.se[0], rel=1e-6), "a covariate said twice takes nothing more out"


def test_the_transformation_and_its_inverse_agree():
    t, lean = np.linspace(-4, 4, 41), np.linspace(-0.3, 0.3, 7)[:, None]
    assert np.allclose(skew.back(skew.transform(t, lean), lean), t, atol=1e-9)
    assert (np.diff(skew.transform(t, lean)) > 0).all(), "monotone, so interval and p agree"


def test_a_small_skewed_arm_is_covered_as_claimed_where_welch_alone_is_not():
    draw = np.random.default_rng(5)
    runs, held_out, contacted = 4_000, 200, 1_800
    first = draw.gamma(0.25, 1, (runs, held_out))
    rest = draw.gamma(0.25, 1, (runs, contacted))
    parts = [of_rows([np.concatenate([a, b])], np.repeat([1, 0], [held_out, contacted]), 2) for a, b in zip(first, rest, strict=True)]
    stacked = Moments(*(np.stack([getattr(part, name) for part in parts])[:, None] for name in ("n", "mean", "second", "third")))
    found = compare(stacked, np.full((runs, 1), 0.1))
    from scipy.special import stdtrit

    welch = np.abs(found.effect) <= stdtrit(found.df, 0.975) * found.se
    ours = (found.low <= 0) & (found.high >= 0)
    assert found.readable.mean() > 0.99
    assert welch.mean() < 0.945 < ours.mean() < 0.96
