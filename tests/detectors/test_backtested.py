"""A trouble counts once however many days saw it coming, a flag counts once, and lead time is what a reader expects."""

from datetime import date, timedelta

import numpy as np
import pytest

from detectors.backtested import OURS, Backtested, Flagged, Rows
from detectors.bootstrap import area_under_curve, calibration_line, difference
from detectors.evaluate import average_precision
from detectors.issue import Issue

ISSUE = Issue(name="i", description="d", horizon_days=14, capacity=2 / 7, trouble={"event": "s.k"})
TEST = (date(2026, 1, 1), date(2026, 1, 8))


@pytest.fixture
def done():
    """Four customers on two days a week apart. `a` is struck ten days after the first, which both days see coming; `b`
    two days after the second; `c` and `d` never. The detector is sure of `a`, wrong about `c`."""
    lag = np.array([10.0, np.nan, np.nan, np.nan, 3.0, 2.0, np.nan, np.nan])
    score = np.array([0.9, 0.2, 0.8, 0.1, 0.9, 0.7, 0.6, 0.1])
    rows = Rows(np.array(list("abcd") * 2), np.repeat([0, 1], 4), np.tile(np.arange(4), 2), ~np.isnan(lag), lag,
                {OURS: score, "last value": 1 - score})  # fmt: skip
    flags = [Flagged("a", TEST[0], 0.9), Flagged("c", TEST[0], 0.8), Flagged("b", TEST[1], 0.7)]
    return Backtested(ISSUE, TEST[0] - timedelta(days=1), TEST, [], rows, flags, 0.65)


def test_an_episode_seen_on_two_days_is_one(done):
    found = done.as_dict()

    assert (found["struck"], found["episodes"]) == (3, 2)
    assert (found["flags"]["flags"], found["flags"]["struck"], found["flags"]["recall"]) == (3, 2, 1.0)


def test_lead_time_is_from_the_first_flag(done):
    flags = done.flagged()

    assert sorted(done.leads()) == [2.0, 10.0]
    assert (flags["share_1d_ahead"], flags["share_7d_ahead"]) == (1.0, 0.5)
    assert flags["observed_over_expected"] == pytest.approx(2 / 2.4, abs=1e-4)


def test_at_capacity_nobody_is_flagged_twice(done):
    flags = done.first_flags(done.rows.scores[OURS])

    assert [(flag.customer_id, flag.day) for flag in flags] == [("a", TEST[0]), ("c", TEST[0]), ("b", TEST[1]), ("d", TEST[1])]


def test_stability_is_the_overlap_of_those_above_the_level(done):
    assert done.flagged()["stability"] == pytest.approx(1 / 3, abs=1e-4)  # a and c, then a and b


def test_a_paired_difference_of_equal_scores_is_nothing():
    rng = np.random.default_rng(0)
    struck, score = rng.random(500) < 0.2, rng.random(500)

    assert difference(average_precision, struck, (score, score), np.ones(500), np.arange(500)) == (0, 0, 0)


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order():
    struck, score = np.array([True, True, False, False]), np.array([0.9, 0.4, 0.4, 0.1])

    assert area_under_curve(struck, score, np.ones(4)) == pytest.approx((1 + 1 + 0.5 + 1) / 4)


def test_the_interval_of_the_calibration_slope_holds_the_truth_as_often_as_it_says():
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        odds = np.repeat(rng.normal(-1, 1.2, 300), 3)
        p = 1 / (1 + np.exp(-odds))
        struck = np.repeat(rng.random(300), 3) < p  # one fate a unit on three days
        _, low, high = calibration_line(struck, p, np.ones(900), np.repeat(np.arange(300), 3))["slope"]
        held += low <= 1 <= high

    assert 0.9 <= held / 200 <= 0.99
