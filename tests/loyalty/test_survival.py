"""Restricted means of staying, by hand, from the area under statsmodels' curve, and without bias under censoring."""

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from loyalty.survival import Stay, restricted_mean, stayed_longer


def test_a_small_example_by_hand():
    """Of four, one leaves on day 2 and one on day 6; one was watched for 4 days only: 1, then 3/4, then 3/8."""
    found = restricted_mean(np.array([2.0, 4.0, 6.0, 10.0]), np.array([True, False, True, False]), 10)
    assert found.days == pytest.approx(2 + 0.75 * 4 + 0.375 * 4)
    assert (found.n, found.left, found.censored, found.censored_share) == (4, 2, 1, 0.25)


def test_without_censoring_it_is_a_plain_mean_with_its_standard_error():
    draw = np.random.default_rng(1)
    days = draw.exponential(100, 400).round() + 1
    found = restricted_mean(days, np.full(400, True), 180)
    plain = np.minimum(days, 180)
    assert found.days == pytest.approx(plain.mean())
    assert found.se == pytest.approx(plain.std() / 20, rel=1e-9)


def test_it_is_the_area_under_the_curve_of_statsmodels():
    draw = np.random.default_rng(2)
    leaving, watched = draw.exponential(200, 300).round() + 1, draw.integers(20, 400, 300).astype(float)
    days, left = np.minimum(leaving, watched), leaving <= watched
    theirs = SurvfuncRight(days, left.astype(int))
    steps = theirs.surv_times[theirs.surv_times <= 180]
    curve = np.concatenate([[1.0], theirs.surv_prob[: len(steps)]])
    area = (curve * np.diff(np.concatenate([[0.0], steps, [180.0]]))).sum()
    assert restricted_mean(days, left, 180).days == pytest.approx(area)


def test_the_interval_of_the_difference_covers_the_truth():
    draw = np.random.default_rng(3)
    truth = 300 * (1 - np.exp(-180 / 300)) - 200 * (1 - np.exp(-180 / 200))
    covered = 0
    for _ in range(1_000):
        arms = []
        for mean in (300, 200):
            leaving, watched = draw.exponential(mean, 200), draw.uniform(60, 400, 200)
            arms.append(restricted_mean(np.minimum(leaving, watched), leaving <= watched, 180))
        found = stayed_longer([(400.0, *arms)])
        covered += found.low <= truth <= found.high
    assert 0.93 <= covered / 1_000 <= 0.97


def test_strata_are_weighed_by_their_units():
    one, other = Stay(100, 3, 10, 1, 0), Stay(50, 4, 30, 2, 5)
    found = stayed_longer([(1.0, one, other), (3.0, other, other)])
    assert found.days == pytest.approx(0.25 * 50)
    assert (found.contact.n, found.contact.censored) == (40, 5)
