"""A random sample of both arms is asked the same, through the same gate, in words that say nothing of the trouble."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.errors import ConfigError
from ledger.assignments import Assignment
from ledger.customers import Customer
from ledger.surveys import Survey
from outreach import wishes
from outreach.plan import plan_day
from outreach.playbook import load_playbooks
from outreach.reconcile import reconcile
from outreach.send import send_due
from tests.outreach.house import DAY, NOW, House

ASKS = '\n[measure.survey]\nkind = "nps"\nshare = 1.0\nhorizon_months = 1\n'
MONTH = timedelta(days=30)


@pytest.fixture
def house(settings):
    """Forty units of both arms, a month after the draw, all of them drawn to be asked."""
    made = House(settings)
    settings = made.any_day()
    made.playbook(measure=ASKS)
    made.crowd(40)
    plan_day(day=DAY, now=NOW, settings=settings)
    send_due(now=NOW, settings=settings)
    for drawn in made.assignments():
        made.add(Survey(assignment_id=drawn.id, kind="nps", horizon_months=1, due_on=DAY + MONTH, drawn_at=NOW + MONTH))
    return made


def ask(house):
    plan_day(day=DAY + MONTH, now=NOW + MONTH, settings=house.settings)
    send_due(now=NOW + MONTH, settings=house.settings)
    return {message.unit_id: message for message in house.messages(kind="survey")}


def test_both_arms_are_asked_at_the_same_time_once_and_the_ledger_reconciles(house):
    asked = ask(house)
    arms = {a.unit_id: a.arm for a in house.assignments()}
    assert {arms[unit] for unit in asked} == {"contact", "hold_out"}
    assert {message.state for message in asked.values()} == {"accepted"}
    assert len(asked) == 40
    assert len(ask(house)) == 40
    reconcile(house.settings)


def test_the_letter_asks_one_question_and_names_no_trouble(house):
    held_out = {a.unit_id for a in house.assignments(arm="hold_out")}
    keys = {message.key for unit, message in ask(house).items() if unit in held_out}
    mails = [path.read_text() for path in house.mailbox() if path.stem in keys]
    assert len(mails) == len(held_out)
    for mail in mails:
        assert "How likely are you to recommend" in mail
        assert "payment" not in mail.lower().replace("a payment by e-mail", "").replace("password or a payment", "")
        assert "What happened" not in mail


def test_the_gate_refuses_either_arm_by_the_same_rules(house):
    some = house.assignments()[::4]
    for drawn in some:
        house.change(Customer, {"customer_id": drawn.customer_id}, consent=False)
    asked = ask(house)
    assert {unit for unit, message in asked.items() if message.state == "suppressed"} == {drawn.unit_id for drawn in some}


def test_an_answer_counts_in_its_units_arm_and_the_last_word_holds(house):
    message = next(iter(ask(house).values()))
    with house.open.begin() as session:
        mine = wishes.message_of(session, message.key)
        wishes.fill_in_survey(session, mine, score=3, text="", now=NOW + MONTH)
        wishes.fill_in_survey(session, mine, score=9, text="", now=NOW + MONTH)
        kept = session.scalars(select(Survey).join(Assignment).where(Assignment.unit_id == message.unit_id)).one()
        assert kept.score == 9
        assert session.query(Survey).filter(Survey.score.is_not(None)).count() == 1


@pytest.mark.parametrize(("more", "says"), [
    ("never_hold_out = true", "survey: asks both arms"),
    ('[survey.message.en]\nsubject = "S"\npreview = "P"\nwhat_happened = "H"\nwhat_we_did = "D"\nwhat_you_do = "Nothing."\n', "survey: asks both arms"),
])  # fmt: skip
def test_a_survey_of_both_arms_needs_both_and_no_other_survey(house, more, says):
    silent = more.startswith("never")
    house.playbook(more=more, holdout=0 if silent else 0.5, measure=('design = "discontinuity"\n' if silent else "") + ASKS)
    with pytest.raises(ConfigError, match=says):
        load_playbooks(house.settings)
