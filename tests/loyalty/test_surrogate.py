"""Forecasts from the first month: right where it carries the effect, withheld where it does not."""

import numpy as np
import pytest

from bench.loyalty_surrogate import world
from loyalty.surrogate import LEAST_MONTHS, Cohort, check, fit, forecast, stratified

RUNS = 30


def runs(direct):
    for run in range(RUNS):
        rng = np.random.default_rng([1, run])
        mature, later, _ = world(rng, 8000, direct)
        young, own, _ = world(rng, 2000, direct)
        yield mature, later, young, own


def test_where_the_first_month_carries_the_effect_the_interval_holds_the_truth_and_is_narrow():
    crowd, _, chance = world(np.random.default_rng(5), 400_000, 0.0)
    truth = chance[crowd.contact].mean() - chance[~crowd.contact].mean()
    told = [(forecast(fit(mature.first, later), young), stratified(own, young)[1]) for mature, later, young, own in runs(0.0)]
    assert np.mean([f.low <= truth <= f.high for f, _ in told]) >= 0.86  # 30 runs: 95 % less three binomial errors
    assert np.median([f.se / waiting for f, waiting in told]) <= 0.5


@pytest.mark.parametrize("direct", [-0.05, 0.05])
def test_where_the_contact_does_more_than_the_first_month_shows_there_is_no_forecast(direct):
    withheld = [check(mature, later).why_not is not None for mature, later, _, _ in runs(direct)]
    assert np.mean(withheld) >= 0.8


def test_fewer_than_six_months_that_are_over_are_too_early():
    mature, later, _ = world(np.random.default_rng(2), 4000, 0.0)
    few = mature.month < LEAST_MONTHS - 1
    assert check(mature.of(few), later[few]).why_not.startswith("too early: 5 months")


def test_a_first_month_that_explains_nothing_is_withheld():
    rng = np.random.default_rng(3)
    noise = Cohort(rng.normal(size=(4000, 3)), rng.random(4000) < 0.5, np.full(4000, 0.5), rng.integers(0, 8, 4000))
    assert "explains" in check(noise, rng.normal(size=4000)).why_not


def test_strata_of_different_shares_do_not_mix():
    rng = np.random.default_rng(4)
    share = np.repeat([0.1, 0.5], 2000)
    contact = rng.random(4000) > share
    values = np.where(share < 0.3, 10.0, 0.0) + contact  # the stratum is worth ten, the contact one
    cohort = Cohort(np.zeros((4000, 1)), contact, share, np.zeros(4000, dtype=np.int64))
    assert stratified(values, cohort)[0] == pytest.approx(1.0)
