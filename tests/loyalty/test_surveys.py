"""Surveys ask both arms alike, and what silence could hide is bounded."""

from datetime import date

import numpy as np
import pytest
from sqlalchemy import select

from core.errors import LedgerError
from ledger.surveys import Survey, record_answer
from loyalty.surveys import Sample, compare_answers, draw_sample, heard
from tests.loyalty.past import at

START, DUE = date(2025, 3, 10), date(2025, 4, 10)


def ask(past, *, share=1.0, day=DUE):
    return draw_sample(past.settings, past.session, Sample("nps", share, 1), issue="fee_shock", day=day, now=at(day))


def test_a_sample_is_drawn_from_both_arms_on_the_day_of_the_horizon_and_once(past):
    drawn = [past.draws(f"c{number}", START, arm=("contact", "hold_out")[number % 2]) for number in range(60)]
    past.draws("later", date(2025, 3, 11))
    assert (ask(past, share=0.5), ask(past, share=0.5)) == (len(past.session.scalars(select(Survey)).all()), 0)
    assert {row.assignment_id for row in past.session.scalars(select(Survey))} < set(drawn)
    for number in range(0, 60, 3):
        record_answer(past.session, drawn[number], kind="nps", horizon_months=1, score=7 + number % 2, now=at(date(2025, 4, 12)))
    assert not record_answer(past.session, 10**6, kind="nps", horizon_months=1, score=7, now=at(DUE)), "nobody asked it"
    found = heard(past.session, "fee_shock", kind="nps", horizon_months=1, before=at(date(2025, 5, 1)))
    assert found.asked == tuple(sum(row.assignment_id in drawn[start::2] for row in past.session.scalars(select(Survey))) for start in (0, 1))
    assert found.means == (7, 8)


def test_a_score_beyond_the_scale_and_an_unknown_kind_are_refused(past):
    with pytest.raises(LedgerError, match="Give 0 to 10"):
        record_answer(past.session, 1, kind="nps", horizon_months=1, score=11, now=at(DUE))
    with pytest.raises(LedgerError, match="Known: csat, ces, nps"):
        Sample("smile", 0.5, 1)


def test_bounds_by_hand():
    """Four of four answer in one arm, two of four in the other: half of the first is trimmed, half of the second is filled."""
    found = compare_answers(np.array([1.0, 2, 4, 5]), np.array([3.0, 3, np.nan, np.nan]), scale=(1, 5))
    assert found.lee == (pytest.approx(1.5 - 3), pytest.approx(4.5 - 3))
    assert found.manski == (pytest.approx(3 - 4), pytest.approx(3 - 2))
    assert found.effect == 0


def test_where_the_silent_are_the_unhappy_of_one_arm_the_bounds_hold_the_truth_and_the_interval_does_not():
    draw = np.random.default_rng(1)
    contact, hold_out = draw.integers(0, 11, 2_000).astype(float), draw.integers(0, 11, 2_000).astype(float)
    hold_out[(hold_out < 4) & (draw.random(2_000) < 0.5)] = np.nan
    found = compare_answers(contact, hold_out, scale=(0, 10))
    assert found.bounded
    assert found.high < 0, "nobody was changed, but the unhappy held-out customers are silent"
    assert found.lee[0] <= 0 <= found.lee[1]
    assert found.manski[0] <= 0 <= found.manski[1]
