"""Scores say what they claim: ranking, skill with an interval that covers, and calibration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from detectors.evaluate import average_precision, brier_skill, brier_skill_interval, calibration_slope, judge

RNG = np.random.default_rng(7)


def world(n=4000, spread=1.0):
    """True probabilities and what came of them."""
    p = 1 / (1 + np.exp(-(RNG.normal(-3, 1, n) * spread)))
    return RNG.random(n) < p, p, np.ones(n), np.arange(n)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.sampled_from([1.0, 3.0])), min_size=1, max_size=40))
def test_average_precision_is_the_one_everybody_computes(rows):
    struck, p, weight = (np.array(column) for column in zip(*rows, strict=True))

    expected = average_precision_score(struck, p, sample_weight=weight) if struck.any() else 0.0
    assert average_precision(struck, p, weight) == pytest.approx(expected)


def test_saying_the_base_rate_has_no_skill_and_the_truth_has_all_of_it():
    struck, p, weight, _ = world()

    assert brier_skill(struck, np.full(len(p), struck.mean()), weight) == pytest.approx(0, abs=1e-12)
    assert brier_skill(struck, struck.astype(float), weight) == 1
    assert 0 < brier_skill(struck, p, weight) < 1


def test_the_interval_lies_around_the_skill_and_is_about_as_wide_as_chance():
    struck, p, weight, unit = world()
    low, high = brier_skill_interval(struck, p, weight, unit)
    again = [brier_skill(*world()[:3]) for _ in range(60)]

    assert low < brier_skill(struck, p, weight) < high
    assert (high - low) / (4 * np.std(again)) == pytest.approx(1, abs=0.35)


def test_rows_of_one_contact_unit_count_as_one_customer():
    struck, p, weight, unit = world()
    alone = brier_skill_interval(struck, p, weight, unit)
    four_times = [np.repeat(a, 4) for a in (struck, p, weight, unit)]

    together = brier_skill_interval(*four_times)

    assert together[1] - together[0] == pytest.approx(alone[1] - alone[0], rel=1e-3)


def test_shuffled_outcomes_have_no_skill_beyond_doubt():
    struck, p, weight, unit = world()

    found = [judge(RNG.permutation(struck), p, weight, unit) for _ in range(10)]

    assert not any(scores.predictable for scores in found)


@pytest.mark.parametrize("too_sure", [0.5, 1.0, 2.0])
def test_the_slope_tells_who_is_too_sure(too_sure):
    struck, p, weight, _ = world(20_000)
    claimed = 1 / (1 + np.exp(-too_sure * np.log(p / (1 - p))))

    assert calibration_slope(struck, claimed, weight) == pytest.approx(1 / too_sure, rel=0.1)


def test_where_nothing_varies_there_is_no_slope():
    assert calibration_slope(np.array([True, False]), np.array([0.3, 0.3]), np.ones(2)) is None
    assert calibration_slope(np.array([False, False]), np.array([0.3, 0.4]), np.ones(2)) is None
