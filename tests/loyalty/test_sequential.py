"""Looking every day is safe: alarms stay as rare as claimed over all looks, and intervals are not much wider for it."""

import numpy as np
import pytest
from scipy.special import ndtri

from loyalty.sequential import ALARM, WIDEST, always_p, sample_ratio_always_p, stretch


def test_at_the_planned_units_the_interval_is_narrow_enough_and_near_there_as_well():
    fractions = np.array([0.5, 1.0, 2.0])
    assert (stretch(fractions) / ndtri(0.975) <= WIDEST).all()


def test_the_p_value_is_below_five_per_cent_just_when_the_interval_leaves_out_zero():
    for fraction in (0.01, 0.3, 1.0, 4.0):
        edge = stretch(np.array(fraction))
        assert always_p(edge, np.array(fraction)) == pytest.approx(0.05)
        assert always_p(1.01 * edge, np.array(fraction)) < 0.05 < always_p(0.99 * edge, np.array(fraction))


def test_a_fair_draw_looked_at_daily_is_hardly_ever_called_unfair():
    draw = np.random.default_rng(1)
    held = draw.binomial(10, 0.2, (1_000, 500)).cumsum(axis=1).astype(float)
    n = np.stack([10.0 * np.arange(1, 501) - held, held], axis=-1)[..., None, :]
    assert (sample_ratio_always_p(n, np.full((1_000, 500, 1), 0.2)) < ALARM).any(axis=1).mean() <= ALARM


def test_an_unfair_draw_is_found_and_shares_that_changed_are_each_judged_by_their_own():
    assert sample_ratio_always_p(np.array([[1_700.0, 300.0]]), np.array([0.2])) < ALARM
    assert sample_ratio_always_p(np.array([[500.0, 500.0], [1_800.0, 200.0]]), np.array([0.5, 0.1])) == 1.0
    assert sample_ratio_always_p(np.array([[500.0, 0.0]]), np.array([0.0])) == 1.0, "nobody could be held out"
