"""What both arms were asked is a row: asked, answered, the difference, and bounds where silence differs."""

from datetime import date, timedelta

import numpy as np
import pytest
from sqlalchemy import select

from ledger.readings import Reading
from ledger.surveys import Survey, record_answer
from loyalty.reading import measure_day, table
from loyalty.surveys import compare_answers
from tests.loyalty.past import at

START, ASKED = date(2025, 3, 10), date(2025, 4, 10)
SURVEY = {"kind": "csat", "share": 1.0, "horizon_months": 1}


@pytest.fixture
def asked(past):
    """A hundred units an arm whose month has passed, measured on that day."""
    past.promises(START, survey=SURVEY)
    drawn = {arm: [past.draws(f"{arm}-{n}", START, arm=arm) for n in range(100)] for arm in ("contact", "hold_out")}
    past.happens("somebody", "billing.paid", START, amount=1)
    past.write(ASKED)
    measure(past, ASKED)
    return past, drawn


def measure(past, day):
    past.session.commit()
    counts = measure_day(day=day, now=at(day + timedelta(days=1)), settings=past.settings)
    past.session.expire_all()
    return counts


def answer(past, drawn, scores):
    for one, score in zip(drawn, scores, strict=False):
        record_answer(past.session, one, kind="csat", horizon_months=1, score=score, now=at(ASKED + timedelta(days=3)))


def row(past):
    return past.session.scalar(select(Reading).filter_by(design="survey").order_by(Reading.revision.desc()))


def test_measuring_asks_everybody_drawn_whose_month_has_passed_once_and_says_when_it_is_read(asked):
    past, _ = asked
    assert len(past.session.scalars(select(Survey)).all()) == 200
    assert measure(past, ASKED + timedelta(days=1))["asked"] == 0
    assert (row(past).state, row(past).why) == ("not_yet", "can be read from 2025-05-02: 200 units were asked")


def test_where_the_arms_answer_alike_the_difference_has_its_interval_and_is_exploratory(asked):
    past, drawn = asked
    answer(past, drawn["contact"], [4, 5] * 25)
    answer(past, drawn["hold_out"], [3, 4] * 25)
    measure(past, ASKED + timedelta(days=23))
    found = row(past)
    assert (found.state, found.n_contact, found.n_hold_out) == ("readable", 100, 100)
    assert found.effect == pytest.approx(1.0)
    assert found.low > 0
    assert found.detail["answered"] == [50, 50]
    assert found.detail["response_rates"] == [0.5, 0.5]
    assert not found.detail["primary"]
    (said,) = [r["said"] for r in table(past.settings) if r["design"] == "survey"]
    assert "exploratory" in said["outcome"]


def test_where_they_answer_at_different_rates_there_are_bounds_and_no_p(asked):
    past, drawn = asked
    answer(past, drawn["contact"], [4, 5] * 45)
    answer(past, drawn["hold_out"], [3, 4, 5] * 12)
    measure(past, ASKED + timedelta(days=23))
    found = row(past)
    assert found.p_value is None
    assert found.low < found.detail["lee"][0] < found.detail["lee"][1] < found.high
    assert found.detail["bounds"].startswith("the arms answered at different rates (90.0% contacted, 36.0% held out)")


def test_an_answer_after_its_time_does_not_count(asked):
    past, drawn = asked
    for one in drawn["contact"]:
        record_answer(past.session, one, kind="csat", horizon_months=1, score=5, now=at(ASKED + timedelta(days=22)))
    measure(past, ASKED + timedelta(days=23))
    assert row(past).why == "too few answers so far: 0 of 100 contacted and 0 of 100 held out answered, 30 of each arm are needed"


def test_the_widened_bounds_hold_the_effect_on_those_who_always_answer():
    """Content customers of the contacted arm alone answer more; those who answer in either arm gain 0.3."""
    held = []
    for seed in range(100):
        draw = np.random.default_rng(seed)
        mood = draw.normal(size=(2, 300))
        always = mood > 0
        coaxed = (mood[0] > -0.5) & (draw.random(300) < 0.7)
        scores = [np.where(always[0] | coaxed, 3 + 0.5 * mood[0] + 0.3, np.nan), np.where(always[1], 3 + 0.5 * mood[1], np.nan)]
        found = compare_answers(*scores, scale=(1, 5))
        held.append(found.bounds[0] <= 0.3 <= found.bounds[1])
    assert np.mean(held) >= 0.9
