"""Every flag is accounted for once; a ledger that was tampered with raises, and nothing more is sent."""

from datetime import timedelta

import pytest
from sqlalchemy import delete

from core.errors import LedgerError
from ledger.assignments import Assignment
from ledger.brakes import open_brakes
from ledger.cohorts import Cohort
from ledger.flags import Flag
from ledger.messages import Message
from ledger.verdicts import Verdict
from outreach.plan import plan_day
from outreach.reconcile import PARTS, by_arm, reconcile, reconcile_all
from outreach.send import send_due
from tests.outreach.house import DAY, NOW


@pytest.fixture
def sent(house):
    """A house with a day of every fate, planned and sent."""
    house.crowd(40)
    house.customers("deaf", consent=False)
    house.flags("deaf", *(f"c{n:05d}" for n in range(4)), day=DAY - timedelta(days=30), state="expired")
    house.flags("c00001", issue="rejected", cohort="rejected")
    house.flags("c00002", "c00003", issue="waiting", cohort="waiting")
    house.flags("c00004", issue="backfilled", cohort="waiting", replay=True)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)
    return house


def test_what_was_flagged_is_all_accounted_for(sent):
    found = reconcile(sent.settings)

    assert (found["flagged"] == found.select(PARTS).sum_horizontal()).all()
    assert found["flagged"].sum() == 40 + 5 + 1 + 2 + 1
    today = reconcile(sent.settings, issue="payment_failing", day=DAY).row(0, named=True)
    assert today["sent"] == sent.states()["accepted"]
    assert today["held_out"] == sent.states()["held_out"]
    assert reconcile_all(now=NOW, settings=sent.settings) == 5


def test_the_flags_of_an_empty_ledger_reconcile(house):
    assert reconcile(house.settings).height == 0


def held_out_one(house):
    return house.messages(state="held_out")[0]


def lose_message(house):
    with house.open.begin() as session:
        session.execute(delete(Message).where(Message.id == house.messages(state="accepted")[0].id))


def lose_verdict(house):
    with house.open.begin() as session:
        session.execute(delete(Verdict).where(Verdict.flag_id == house.messages(state="accepted")[0].flag_id))


TAMPERING = {
    "a message is lost": (lose_message, "flagged 40, accounted for 39"),
    "a message is moved to another day": (
        lambda h: h.change(Message, {"id": held_out_one(h).id}, day=DAY - timedelta(days=30)), "accounted for"),
    "a flag is added behind": (
        lambda h: h.add(Flag(customer_id="late", issue="payment_failing", day=DAY, probability=1, reasons=[], evidence={},
                             detector="rule", state="over", created_at=NOW)), "the cohort was of 40 flags, there are 41"),
    "a cohort's size is changed": (lambda h: h.change(Cohort, {"issue": "waiting"}, size=3), "of 3 flags, there are 2"),
    "a held-out message is set to go": (
        lambda h: h.change(Message, {"id": held_out_one(h).id}, state="planned"), "its verdict or its arm does not allow that"),
    "a contacted unit's arm is changed": (
        lambda h: h.change(Assignment, {"arm": "contact", "unit_id": h.messages(state="accepted")[0].unit_id}, arm="hold_out"),
        "is accepted, but its verdict or its arm"),
    "a verdict is lost": (lose_verdict, "its verdict or its arm does not allow that"),
    "a verdict is changed": (
        lambda h: h.change(Verdict, {"flag_id": h.messages(state="accepted")[0].flag_id}, passed=False), "its verdict or its arm"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERING)
def test_a_tampered_ledger_raises(sent, what):
    tamper, says = TAMPERING[what]
    tamper(sent)

    with pytest.raises(LedgerError, match=says):
        reconcile(sent.settings)


def test_a_mismatch_stops_sending(house):
    house.crowd(20)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    house.change(Message, {"id": held_out_one(house).id}, state="planned")

    with pytest.raises(LedgerError, match="does not reconcile.*Nothing more is sent"):
        send_due(now=NOW, settings=house.settings)
    assert not house.mailbox()


def test_a_mismatch_pulls_the_issues_brake_and_no_others(sent):
    tamper, _ = TAMPERING["a message is lost"]
    tamper(sent)
    with pytest.raises(LedgerError):
        reconcile_all(now=NOW, settings=sent.settings)
    with pytest.raises(LedgerError):
        reconcile_all(now=NOW, settings=sent.settings)
    with sent.open() as session:
        (brake,) = open_brakes(session)

    assert (brake.issue, brake.kind) == ("payment_failing", "mismatch")
    assert "flagged 40, accounted for 39" in brake.reason


def test_every_unit_is_accounted_for_by_issue_and_arm(sent):
    with sent.open() as session:
        contact, hold_out = by_arm(session, issue="payment_failing")

    assert (contact["arm"], contact["units"], contact["sent"]) == ("contact", sent.states()["accepted"], sent.states()["accepted"])
    assert (hold_out["arm"], hold_out["units"], hold_out["held_out"]) == ("hold_out", sent.states()["held_out"], sent.states()["held_out"])
    assert hold_out["sent"] == contact["held_out"] == contact["without_message"] == 0
