"""A day's budget is spent once, by risk until another ranking proved better, and by lot for a part."""

from datetime import date

import pytest
from sqlalchemy import select

from core.settings import load_settings
from ledger.flags import Flag
from ledger.targets import Policy, Target
from loyalty.targets import choose_day
from tests.loyalty.past import at

DAY = date(2025, 6, 1)
ISSUE = """
description = "A fee that comes as a surprise"
horizon_days = 28
capacity = 100

[trouble]
event = "contacts.fee"

[targeting]
budget = 40.0
cost = 2.0
worth = 100.0
"""


@pytest.fixture
def flagged(settings, session, past):
    past.write(DAY)
    (settings.folder / "issues" / "fee_shock.toml").write_text(ISSUE)
    for n in range(100):
        session.add(Flag(customer_id=f"c{n:03}", issue="fee_shock", day=DAY, probability=0.9 - n / 200, reasons=[], evidence={},
                         detector="rule", created_at=at(DAY)))  # fmt: skip
    session.commit()
    return load_settings(settings.folder)


def test_the_riskiest_within_the_budget_are_chosen_and_the_lot_decides_on_a_few(flagged, session):
    counts = choose_day(day=DAY, now=at(DAY), settings=flagged)
    targets = {t.flag_id: t for t in session.scalars(select(Target))}
    by_risk = session.scalars(select(Flag).order_by(Flag.probability.desc())).all()
    for place, flag in enumerate(by_risk):
        target = targets[flag.id]
        assert target.explored or target.chosen == (place < 20)
        assert target.chance == pytest.approx(0.95 * (place < 20) + 0.05 * 0.2)
    assert counts["fee_shock"]["flags"] == 100
    assert 15 <= counts["fee_shock"]["chosen"] <= 25


def test_a_second_run_chooses_nobody_anew(flagged, session):
    choose_day(day=DAY, now=at(DAY), settings=flagged)
    before = [(t.flag_id, t.chosen) for t in session.scalars(select(Target).order_by(Target.flag_id))]
    assert choose_day(day=DAY, now=at(DAY), settings=flagged)["fee_shock"]["flags"] == 0
    assert [(t.flag_id, t.chosen) for t in session.scalars(select(Target).order_by(Target.flag_id))] == before


def test_without_experience_risk_stays_first_and_the_ledger_says_why(flagged, session):
    choose_day(day=DAY, now=at(DAY), settings=flagged)
    policy = session.scalar(select(Policy))
    assert policy.ranks_by == "risk"
    assert "too little experience" in policy.why


def test_an_issue_without_a_budget_is_not_concerned(settings, session, past):
    past.write(DAY)
    assert choose_day(day=DAY, now=at(DAY), settings=settings) == {}
    assert session.scalars(select(Target)).all() == []
