"""What the ledger says was done is read as it was done, and its truth is told beside it."""

from datetime import timedelta

import pytest

from ledger.assignments import Assignment
from ledger.flags import Flag
from ledger.messages import Message, State
from ledger.verdicts import Verdict
from simulator.outcome import accepted_messages, known_truth, truth_by_month
from tests.simulator.conftest import morning

DRAWN = 56


def draw(session, n, *, arm, state, passed=True, mode="live"):
    """Write one flagged customer's draw and message as a played morning leaves them."""
    at, customer = morning(DRAWN), f"c{n:06d}"
    flag = Flag(customer_id=customer, issue="fee_shock", day=at.date() - timedelta(days=1), probability=0.5, reasons=[],
                evidence={}, detector="learned", created_at=at)  # fmt: skip
    session.add(flag)
    session.flush()
    session.add_all([
        Verdict(flag_id=flag.id, passed=passed, reasons=[], judged_at=at),
        Assignment(scope="fee_shock", unit_id=customer, arm=arm, share=0.5, customer_id=customer, flag_id=flag.id,
                   playbook_version="1", mode=mode, assigned_at=at, assigned_on=flag.day,
                   frozen_until=at.date() + timedelta(days=540)),
        Message(key=f"m{n}", flag_id=flag.id, kind="notice", issue="fee_shock", playbook_version="1", customer_id=customer,
                unit_id=customer, channel="mailbox", day=flag.day, state=state, planned_at=at, due_at=at,
                settled_at=at + timedelta(minutes=5) if state == State.ACCEPTED else None),
    ])  # fmt: skip


@pytest.fixture
def drawn(settings, session):
    for n in range(40):
        draw(session, n, arm="contact", state=State.ACCEPTED)
        draw(session, 100 + n, arm="hold_out", state=State.HELD_OUT)
    session.commit()
    return settings


def test_only_accepted_messages_reach_the_company(drawn, session):
    draw(session, 200, arm="contact", state=State.UNCERTAIN)
    session.commit()

    told = accepted_messages(drawn)

    assert told["customer_id"].to_list() == [f"c{n:06d}" for n in range(40)]
    assert told["at"].to_list() == [morning(DRAWN) + timedelta(minutes=5)] * 40


def test_an_empty_ledger_tells_nothing(settings, world):
    assert accepted_messages(settings).is_empty()
    assert known_truth(settings, world) == {}


def test_the_truth_is_averaged_over_both_arms(drawn, world):
    truth = truth_by_month(drawn, world)

    at_six = truth.filter(month="pooled", horizon_months=6).row(0, named=True)
    assert (at_six["issue"], at_six["n"]) == ("fee_shock", 80)
    assert -0.2 < at_six["effect"] < 0
    assert known_truth(drawn, world)["fee_shock"][6] == at_six["effect"]


def test_who_did_not_pass_the_gate_is_not_in_it(drawn, session, world):
    draw(session, 300, arm="contact", state=State.SUPPRESSED, passed=False)
    session.commit()

    assert truth_by_month(drawn, world)["n"].max() == 80


def test_a_horizon_that_has_not_passed_has_no_row(drawn, world):
    assert set(known_truth(drawn, world, morning(DRAWN + 40).date())["fee_shock"]) == {1}
