"""Calibration makes log-odds honest without reordering anybody."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.calibration import calibrated, calibration_of


@pytest.mark.parametrize("troubles", [300, 3000])
def test_it_is_right_on_average_with_little_and_with_much_data(troubles):
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 1, troubles * 8)
    struck = rng.random(len(odds)) < 1 / (1 + np.exp(-(1.5 * odds - 2)))

    p = calibrated(calibration_of(odds, struck, np.ones(len(odds))), odds)

    assert p.mean() == pytest.approx(struck.mean(), rel=0.001)
    assert p[odds > 1].mean() == pytest.approx(struck[odds > 1].mean(), rel=0.1)


@settings(max_examples=50)
@given(st.floats(-5, 5), st.floats(0.01, 5), st.floats(0.01, 5), st.lists(st.floats(-8, 8), min_size=2, max_size=9, unique=True))
def test_nobody_is_reordered(intercept, rising, falling, odds):
    ordered = np.sort(np.array(odds))

    assert (np.diff(calibrated([intercept, rising, falling], ordered)) >= 0).all()


def test_where_the_odds_say_nothing_everybody_gets_the_base_rate():
    rng = np.random.default_rng(1)
    struck = rng.random(500) < 0.1
    wrong = -1.0 * struck + rng.normal(0, 0.1, 500)

    p = calibrated(calibration_of(wrong, struck, np.ones(500)), rng.normal(0, 1, 500))

    assert p == pytest.approx(np.full(500, struck.mean()))


def test_an_end_that_bends_is_followed_when_there_is_trouble_enough():
    rng = np.random.default_rng(2)
    odds = rng.normal(0, 1.5, 60_000)
    struck = rng.random(len(odds)) < calibrated([-1, 1.6, 0.4], odds)

    found = calibration_of(odds, struck, np.ones(len(odds)))

    assert (found[1], found[2]) == (pytest.approx(1.6, abs=0.15), pytest.approx(0.4, abs=0.15))
