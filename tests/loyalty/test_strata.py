"""Effects agree with tea-tasting, statsmodels and sums done by hand, and their intervals cover what they claim."""

import itertools

import numpy as np
import polars as pl
import pytest
import scipy.stats
import statsmodels.stats.api as sms
import tea_tasting as tt
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from loyalty import skew
from loyalty.effect import power_of_interval, power_to_see
from loyalty.strata import read_effects, sample_ratio_p

EXACT = {"rel": 1e-9, "abs": 1e-12}
SIMULATED = 2_000


def experiment(seed, units=400, share=0.5, lift=0.3, slope=0.8, **also):
    draw = np.random.default_rng(seed)
    before = draw.gamma(2, 10, units)
    held = draw.random(units) < share
    value = slope * before + draw.normal(0, 4, units) + lift * ~held
    arm = np.where(held, "hold_out", "contact")
    return pl.DataFrame({"cell": "one", "arm": arm, "share": share, "value": value, "covariate": before, **also})


def read(rows):
    return read_effects(rows, ["cell"]).row(0, named=True)


def arm(rows, name, column="value"):
    return rows.filter(pl.col("arm") == name)[column].to_numpy()


def test_a_small_example_by_hand():
    contact = [1.0] * 14 + [0.0] * 6
    held = [1.0] * 9 + [0.0] * 11
    arms = ["contact"] * 20 + ["hold_out"] * 20
    rows = pl.DataFrame({"cell": "one", "arm": arms, "share": 0.5, "value": contact + held, "covariate": None})
    found = read(rows)
    variance = (0.7 * 0.3 + 0.45 * 0.55) / 19  # ddof 1: p (1 - p) * 20 / 19, divided by 20
    assert (found["n_contact"], found["n_hold_out"], found["why"]) == (20, 20, None)
    assert found["mean_contact"] == pytest.approx(0.7)
    assert found["mean_hold_out"] == pytest.approx(0.45)
    assert found["effect"] == pytest.approx(0.25)
    assert found["se"] == pytest.approx(variance**0.5, **EXACT)


@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.1, 0.3, 0.5, 0.8]), covariate=st.booleans())
@effort(max_examples=40, deadline=None)
def test_one_stratum_is_what_tea_tasting_finds(seed, share, covariate):
    rows = experiment(seed, share=share)
    metric = tt.Mean("value", "covariate" if covariate else None, use_t=True, equal_var=False)
    theirs = tt.Experiment({"m": metric}, variant="arm").analyze(rows, control="hold_out")["m"]
    ours = read(rows if covariate else rows.with_columns(covariate=pl.lit(None)))
    assert ours["effect"] == pytest.approx(theirs.effect_size, **EXACT)
    half = scipy.stats.t(ours["df"]).ppf(0.975) * ours["se"]
    assert ours["effect"] - half == pytest.approx(theirs.effect_size_ci_lower, **EXACT)
    assert ours["effect"] + half == pytest.approx(theirs.effect_size_ci_upper, **EXACT)
    if abs(ours["lean"]) < skew.SMALL:
        assert (ours["low"], ours["high"]) == (pytest.approx(ours["effect"] - half, **EXACT), pytest.approx(ours["effect"] + half, **EXACT))
        assert ours["p_value"] == pytest.approx(theirs.pvalue, rel=1e-7, abs=1e-12)
    assert ours["mean_contact"] == pytest.approx(theirs.treatment, **EXACT)
    assert ours["mean_hold_out"] == pytest.approx(theirs.control, **EXACT)


def test_one_stratum_is_what_statsmodels_and_scipy_find():
    rows = experiment(3).with_columns(covariate=pl.lit(None))
    ours = read(rows)
    both = sms.CompareMeans(sms.DescrStatsW(arm(rows, "contact")), sms.DescrStatsW(arm(rows, "hold_out")))
    low, high = both.tconfint_diff(usevar="unequal")
    assert (ours["low"], ours["high"]) == (pytest.approx(low, **EXACT), pytest.approx(high, **EXACT))
    welch = scipy.stats.ttest_ind(arm(rows, "contact"), arm(rows, "hold_out"), equal_var=False)
    assert ours["p_value"] == pytest.approx(welch.pvalue, **EXACT)
    assert ours["df"] == pytest.approx(welch.df, **EXACT)


def test_the_covariate_is_taken_out_as_by_hand():
    rows = experiment(4)
    theta = np.cov(rows["value"], rows["covariate"])[0, 1] / rows["covariate"].var()
    adjusted = rows.with_columns(value=pl.col("value") - theta * (pl.col("covariate") - pl.col("covariate").mean()))
    welch = scipy.stats.ttest_ind(arm(adjusted, "contact"), arm(adjusted, "hold_out"), equal_var=False)
    ours = read(rows)
    assert ours["p_value"] == pytest.approx(welch.pvalue, **EXACT)
    assert ours["high"] == pytest.approx(welch.confidence_interval(0.95).high, **EXACT)
    plain = read(rows.with_columns(covariate=pl.lit(None)))
    assert ours["se"] < 0.5 * plain["se"]
    assert ours["raw_mean_contact"] == pytest.approx(plain["mean_contact"], **EXACT)


def test_two_shares_are_weighed_as_the_stratified_formula_says():
    half, tenth = experiment(5, units=300, share=0.5, lift=1.0), experiment(6, units=700, share=0.1, lift=5.0)
    ours = read(pl.concat([half, tenth]))
    parts = [read(rows) for rows in (half, tenth)]
    weights = [300 * 0.5 * 0.5 / (300 * 0.25 + 700 * 0.09), 700 * 0.1 * 0.9 / (300 * 0.25 + 700 * 0.09)]
    effect = sum(w * part["effect"] for w, part in zip(weights, parts, strict=True))
    se = sum((w * part["se"]) ** 2 for w, part in zip(weights, parts, strict=True)) ** 0.5
    df = se**4 / sum((w * part["se"]) ** 4 / part["df"] for w, part in zip(weights, parts, strict=True))
    assert ours["effect"] == pytest.approx(effect, **EXACT)
    assert ours["se"] == pytest.approx(se, **EXACT)
    assert ours["df"] == pytest.approx(df, **EXACT)
    assert ours["high"] == pytest.approx(effect + scipy.stats.t(df).ppf(0.975) * se, **EXACT)
    assert (ours["strata"], ours["left_out"]) == (2, 0)


def test_pooling_without_strata_would_have_been_wrong():
    """Shares that changed while the base rate changed would pass the change of the base rate off as an effect."""
    early = experiment(7, units=4_000, share=0.5, lift=0).with_columns(pl.col("value") + 10)
    late = experiment(8, units=4_000, share=0.1, lift=0)
    ours = read(pl.concat([early, late]))
    naive = read(pl.concat([early, late]).with_columns(share=pl.lit(0.3)))
    assert ours["low"] < 0 < ours["high"]
    assert naive["high"] < 0


def test_what_was_shown_at_one_half_does_not_drown_in_months_that_hold_out_two_in_a_hundred():
    early = experiment(10, units=3_000, share=0.5)
    late = experiment(11, units=3_000, share=0.02)
    before, after = read(early), read(pl.concat([early, late]))
    rare = [rows.with_columns(value=(pl.col("value") > 55).cast(pl.Float64), covariate=None) for rows in (early, late)]
    assert after["se"] < before["se"]
    assert read(rare[0])["why"] is None
    assert read(pl.concat(rare))["why"] is None


@given(seed=st.integers(0, 10_000), shares=st.lists(st.sampled_from([0.02, 0.1, 0.3, 0.5]), min_size=2, max_size=4, unique=True))
@effort(max_examples=25, deadline=None)
def test_more_months_never_tell_less_of_an_effect_that_stays_the_same(seed, shares):
    months = [experiment(seed + at, units=2_000, share=share) for at, share in enumerate(shares)]
    sizes = [read(pl.concat(months[: at + 1]))["se"] for at in range(len(months))]
    assert all(later < earlier * 1.1 for earlier, later in itertools.pairwise(sizes))


def test_a_stratum_too_thin_to_compare_is_left_out_and_counted():
    thin = experiment(9, units=40, share=0.02)
    found = read(pl.concat([experiment(10), thin]))
    assert (found["left_out"], found["strata"]) == (40, 1)
    assert found["effect"] == pytest.approx(read(experiment(10))["effect"], **EXACT)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (experiment(11, units=29), "too few: 29 of 29 units"),
        (experiment(12, units=90, share=0.1), "too few: 0 of 90 units"),
        (experiment(13).with_columns(share=pl.lit(0.0)), "one arm is empty by design"),
        (experiment(14).with_columns(value=pl.lit(1.0)), "nothing happened: all 400 units"),
    ],
)
def test_what_cannot_be_read_says_why_and_shows_no_figures(rows, why):
    found = read(rows)
    assert found["why"].startswith(why)
    assert [found[name] for name in ("effect", "low", "high", "p_value", "mean_contact")] == [None] * 5


def test_whether_to_read_does_not_depend_on_who_was_in_which_arm():
    rows = experiment(15, units=60).with_columns(value=pl.Series([1.0] * 58 + [0.0] * 2))
    draw = np.random.default_rng(1)
    whys = {read(rows.with_columns(arm=pl.Series(draw.permutation(rows["arm"].to_numpy()))))["why"] for _ in range(20)}
    assert len(whys) == 1
    assert "about 169 such units are needed" in whys.pop()


@pytest.mark.parametrize(("share", "stays", "units"), [(0.5, 0.9, 300), (0.2, 0.8, 600), (0.1, 0.7, 1_000)])
def test_intervals_cover_what_they_claim(share, stays, units):
    draw = np.random.default_rng(16)
    held = draw.random((SIMULATED, units)) < share
    lift = 0.05
    value = draw.random((SIMULATED, units)) < stays + lift * ~held
    cells = np.repeat(np.arange(SIMULATED), units)
    arms = np.where(held.ravel(), "hold_out", "contact")
    rows = pl.DataFrame({"cell": cells, "arm": arms, "share": share, "value": value.ravel(), "covariate": None})
    found = read_effects(rows, ["cell"]).filter(pl.col("why").is_null())
    covered = found.select((pl.col("low") <= lift) & (lift <= pl.col("high"))).to_series()
    assert len(covered) > 0.95 * SIMULATED
    assert covered.mean() == pytest.approx(0.95, abs=3.5 * (0.95 * 0.05 / len(covered)) ** 0.5)


def test_power_is_that_of_the_noncentral_t():
    from statsmodels.stats.power import tt_ind_solve_power

    for units, effect in ((40, 0.7), (400, 0.2), (4_000, 0.05)):
        theirs = tt_ind_solve_power(effect_size=effect, nobs1=units / 2, alpha=0.05, ratio=1)
        ours = power_to_see(effect, np.array([2 / units**0.5]), np.array([units - 2.0]))[0]
        assert ours == pytest.approx(theirs, abs=0.01)


def test_the_sample_ratio_is_judged_against_the_stored_share():
    assert sample_ratio_p(480, 120, 0.2) == pytest.approx(1.0)
    expected = scipy.stats.chisquare([450, 150], [480, 120]).pvalue
    assert sample_ratio_p(450, 150, 0.2) == pytest.approx(expected, **EXACT)
    rows = experiment(17, units=600)
    found = read(rows)
    assert found["sample_ratio_p"] == pytest.approx(sample_ratio_p(found["n_contact"], found["n_hold_out"], 0.5), **EXACT)


def test_the_power_worked_out_from_an_interval_is_that_of_the_reading():
    found = read(experiment(18, units=600))
    n = found["n_contact"] + found["n_hold_out"]
    by_reading = power_to_see(0.05, np.array([found["se"]]), np.array([n - 2.0]))[0]
    assert power_of_interval(0.05, found["low"], found["high"], n) == pytest.approx(by_reading, rel=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_rows_changes_no_bit_of_a_reading(seed):
    rows = experiment(19, units=600)
    assert read(rows.sample(fraction=1.0, shuffle=True, seed=seed)) == read(rows)
