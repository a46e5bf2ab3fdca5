"""Moments of groups are those of their rows, and merge without them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from loyalty import moments as adding
from loyalty.moments import of_counts, of_rows


def by_hand(rows):
    apart = rows - rows.mean(axis=1, keepdims=True)
    return rows.mean(axis=1), np.einsum("an,bn->ab", apart, apart), np.einsum("an,bn,cn->abc", apart, apart, apart)


def close(moments, at, rows):
    return [np.allclose(ours[at], theirs, rtol=1e-9, atol=1e-7)
            for ours, theirs in zip((moments.mean, moments.second, moments.third), by_hand(rows), strict=True)]  # fmt: skip


@given(seed=st.integers(0, 1_000), p=st.integers(1, 4), away=st.sampled_from([0.0, 1e4]))
@effort(max_examples=30, deadline=None)
def test_every_group_has_the_moments_of_its_rows_and_all_together_those_of_all(seed, p, away):
    draw = np.random.default_rng(seed)
    rows, codes = draw.gamma(1, 1, (p, 400)) + away, draw.integers(0, 3, 400)
    moments = of_rows(list(rows), codes, 3)
    assert all(all(close(moments, group, rows[:, codes == group])) for group in range(3))
    assert all(close(moments[None].merged(), 0, rows))


@given(seed=st.integers(0, 1_000), groups=st.integers(1, 4), whole=st.booleans(), rows=st.sampled_from([3, 4_096, 9_001]))
@effort(max_examples=20, deadline=None)
def test_few_groups_are_added_up_several_rows_at_once_to_the_same_sums(seed, groups, whole, rows):
    draw = np.random.default_rng(seed)
    columns, codes = [draw.poisson(3, rows) if whole else draw.gamma(1, 1, rows), draw.gamma(2, 1, rows)], draw.integers(0, groups, rows)
    quick = of_rows(columns, codes, groups)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adding, "FEW_GROUPS", 0)
        slow = of_rows(columns, codes, groups)
    for name in ("n", "mean", "second", "third"):
        assert np.allclose(getattr(quick, name), getattr(slow, name), rtol=1e-9, atol=1e-7)


def test_what_one_group_holds_is_nothing_to_another():
    values, codes = np.array([1.0, 2.0, np.inf, np.inf]), np.array([0, 0, 1, 1])
    with np.errstate(invalid="ignore"):
        assert of_rows([values], codes, 2).mean[0] == pytest.approx([1.5])


def test_a_sum_of_variables_has_its_spread_and_skewness_in_the_moments():
    draw = np.random.default_rng(1)
    rows, weights = draw.gamma(1, 1, (3, 500)), np.array([1.0, -0.5, 0.2])
    squares, cubes = of_rows(list(rows), np.zeros(500, dtype=int), 1).along(weights)
    apart = weights @ rows - (weights @ rows).mean()
    assert (squares[0], cubes[0]) == (pytest.approx((apart**2).sum()), pytest.approx((apart**3).sum()))


def test_counts_of_a_population_are_rows_drawn_again():
    draw = np.random.default_rng(2)
    population = draw.gamma(1, 1, (50, 2))
    counts = draw.multinomial(300, np.full(50, 0.02), size=4).astype(float)
    moments = of_counts(population, counts)
    assert all(all(close(moments, at, np.repeat(population, counts[at].astype(int), axis=0).T)) for at in range(4))
