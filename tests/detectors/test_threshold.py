"""Whom to flag follows from what people can handle and from what telling is worth."""

import numpy as np
import pytest

from detectors.issue import Issue
from detectors.threshold import days_until, level, usual_lags

EXPOSED = np.array([1000])
PROBABILITY = np.linspace(0.001, 1, 1000)


def issue(**also):
    return Issue(**{"name": "i", "description": "d", "gap_days": 2, "horizon_days": 8, "capacity": 5,
                    "trouble": {"event": "s.k"}, **also})  # fmt: skip


def test_capacity_is_used_up_when_so_many_flags_are_open_at_once():
    found = level(issue(), PROBABILITY, EXPOSED, base_rate=0.01)

    assert (found.flag_at <= PROBABILITY).sum() == 5 * 10


def test_several_days_judged_on_count_as_an_average_day():
    found = level(issue(), np.concatenate([PROBABILITY, PROBABILITY]), np.array([1000, 1000]), base_rate=0.01)

    assert (found.flag_at <= PROBABILITY).sum() == 5 * 10


def test_a_sample_of_those_at_risk_stands_for_all_of_them():
    found = level(issue(), PROBABILITY[::10], EXPOSED, base_rate=0.01)

    assert (found.flag_at <= PROBABILITY).sum() == pytest.approx(5 * 10, abs=10)


def test_nobody_is_flagged_where_telling_costs_more_than_it_saves():
    dear = issue(value={"contact_cost": 1, "needless_cost": 0, "saved": 1.01})

    found = level(dear, PROBABILITY, EXPOSED, base_rate=0.01)

    assert (found.flag_at, found.set_by) == (pytest.approx(1 / 1.01), "money")


def test_more_capacity_than_customers_still_leaves_the_base_rate():
    found = level(issue(capacity=1000), PROBABILITY, EXPOSED, base_rate=0.02)

    assert (found.flag_at, found.set_by) == (0.02, "base rate")


def test_the_surer_the_sooner():
    probability = np.linspace(0, 1, 400)
    lag = np.where(probability > 0.5, 4.0, 9.0)
    lag[::7] = np.nan

    lags = usual_lags(probability, lag)

    assert (days_until(issue(), lags, 0.1), days_until(issue(), lags, 0.99)) == (9.0, 4.0)
    assert days_until(issue(), [], 0.5) == 6.0
