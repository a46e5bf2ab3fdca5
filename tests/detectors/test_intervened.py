"""Whom we told teaches nothing; whom we held out stands for them too."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from detectors.intervened import contact_units, intervened, shared_units
from detectors.issue import Issue
from ledger.assignments import Assignment
from ledger.customers import Customer
from ledger.flags import Flag
from ledger.messages import Message, State

DAY = timedelta(days=1)
T = datetime(2026, 3, 1, tzinfo=UTC)
ISSUE = Issue(name="i", description="d", gap_days=1, horizon_days=14, capacity=1, trouble={"event": "s.k"})


@pytest.fixture
def tell(session):
    """Write what was decided about a unit at an instant: a message in some state, and an assignment."""

    def write(unit, at, state, *, issue="i", arm=None, share=0.25, mode="live"):
        flag = Flag(customer_id=unit, issue=issue, day=at.date(), probability=0.5, reasons=[], evidence={},
                    detector="rule", created_at=at)  # fmt: skip
        session.add(flag)
        session.flush()
        session.add(Message(key=f"{unit}-{at}", flag_id=flag.id, kind="notice", issue=issue, playbook_version="1",
                            customer_id=unit, unit_id=unit, channel="mailbox", day=at.date(), state=state, planned_at=at,
                            due_at=at, claimed_at=at if state in (State.ACCEPTED, State.UNCERTAIN) else None))  # fmt: skip
        if arm:
            session.add(Assignment(scope=issue, unit_id=unit, arm=arm, share=share, customer_id=unit, playbook_version="1",
                                   mode=mode, assigned_at=at, assigned_on=at.date(),
                                   frozen_until=date(2028, 1, 1)))  # fmt: skip
        session.flush()

    return write


def weights(session, *units, known=T + 60 * DAY):
    return intervened(session, ISSUE, known).weights(ISSUE, pl.Series(units), T).to_list()


def test_a_customer_we_told_is_left_out_while_it_may_show(session, tell):
    for unit, days in [("just_before", -14), ("too_early", -14.1), ("in_time", 14.9), ("after", 15)]:
        tell(unit, T + days * DAY, State.ACCEPTED)

    assert weights(session, "just_before", "too_early", "in_time", "after") == [0, 1, 0, 1]


def test_a_message_that_may_have_arrived_counts_and_one_never_sent_does_not(session, tell):
    for state in (State.UNCERTAIN, State.REFUSED, State.SUPPRESSED, State.SHADOW):
        tell(state.value, T, state)
    tell("elsewhere", T, State.ACCEPTED, issue="another")

    assert weights(session, "uncertain", "refused", "suppressed", "shadow", "elsewhere") == [0, 1, 1, 1, 1]


def test_those_held_out_stand_for_those_told(session, tell):
    tell("told", T, State.ACCEPTED, arm="contact")
    tell("held", T, State.HELD_OUT, arm="hold_out", share=0.25)
    tell("shadow", T, State.HELD_OUT, arm="hold_out", mode="shadow")

    assert weights(session, "told", "held", "shadow", "nobody") == [0, 4, 1, 1]


def test_what_is_not_known_yet_changes_nothing(session, tell):
    tell("told", T + 5 * DAY, State.ACCEPTED)

    assert weights(session, "told", known=T + 4 * DAY) == [1]


def test_customers_who_share_an_inbox_are_one_unit(session):
    for who, unit in [("a", "house"), ("b", "house"), ("c", "c")]:
        session.add(Customer(customer_id=who, unit_id=unit, updated_at=T))
    session.flush()

    assert contact_units(pl.Series(["b", "c", "x", "a"]), shared_units(session)).to_list() == ["house", "c", "x", "house"]
