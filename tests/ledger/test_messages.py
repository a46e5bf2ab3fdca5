"""The ledger gives each message to one sender, once, and keeps every doubt visible."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from ledger import database
from ledger.flags import Flag
from ledger.messages import Message, State, claim_due, defer, expire_leases, give_back, record, settle

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = date(2026, 3, 30)
LEASE = timedelta(minutes=5)


def plan(session, n, *, due_at=NOW, kind="notice", first=0):
    """Plan one message for each of `n` new flags."""
    for i in range(first, first + n):
        flag = Flag(customer_id=f"c{i}", issue="payment_failing", day=DAY, probability=0.5, days_until=None, reasons=[],
                    evidence={}, detector="rule", created_at=NOW)
        session.add(flag)
        session.flush()
        session.add(message(flag.id, kind, due_at))
    session.commit()


def message(flag_id, kind="notice", due_at=NOW):
    return Message(key=f"{flag_id}-{kind}", flag_id=flag_id, kind=kind, issue="payment_failing", playbook_version="v1",
                   customer_id=f"c{flag_id}", unit_id=f"c{flag_id}", channel="mailbox", day=DAY, planned_at=NOW, due_at=due_at)


def claim(session, now=NOW, limit=100):
    taken = claim_due(session, now=now, lease=LEASE, limit=limit)
    session.commit()
    return taken


def state(session, message_id):
    return session.scalar(select(Message.state).where(Message.id == message_id))


def test_of_many_senders_at_once_each_message_goes_to_one(settings, session):
    plan(session, 60)
    maker = database.sessions(settings)

    def send_until_nothing_is_due(_):
        mine = []
        while True:
            with maker.begin() as own:
                taken = claim_due(own, now=NOW, lease=LEASE, limit=7)
            if not taken:
                return mine
            assert len(taken) <= 7
            mine += [m.id for m in taken]

    with ThreadPoolExecutor(8) as pool:
        given = Counter(i for mine in pool.map(send_until_nothing_is_due, range(8)) for i in mine)
    assert len(given) == 60
    assert set(given.values()) == {1}


def test_what_is_not_due_yet_is_left(session):
    plan(session, 1, due_at=NOW + timedelta(seconds=1))
    assert claim(session) == []
    assert len(claim(session, now=NOW + timedelta(seconds=1))) == 1


def test_the_longest_due_go_first_and_no_more_than_asked(session):
    plan(session, 2)
    plan(session, 2, due_at=NOW - timedelta(hours=1), first=2)
    assert sorted(m.customer_id for m in claim(session, limit=2)) == ["c3", "c4"]


def test_the_same_kind_of_message_about_one_flag_cannot_be_written_twice(session):
    plan(session, 1)
    flag = session.scalar(select(Flag.id))
    session.add(message(flag, "update"))
    session.commit()
    session.add(Message(**{c.key: getattr(message(flag), c.key) for c in Message.__table__.columns if c.key != "key"}, key="x"))
    with pytest.raises(IntegrityError, match="uq_messages_flag_id_kind"):
        session.commit()


def test_a_sender_that_lost_its_claim_cannot_record(session):
    plan(session, 1)
    [first] = claim(session)
    old = first.fence
    assert defer(session, first.id, old, due_at=NOW)
    [again] = claim(session)
    assert again.fence == old + 1
    assert not record(session, first.id, old, state=State.ACCEPTED, now=NOW, receipt="zombie")
    assert record(session, first.id, again.fence, state=State.ACCEPTED, now=NOW, receipt="mine")
    assert session.scalar(select(Message.receipt)) == "mine"


def test_what_was_recorded_is_not_recorded_again(session):
    plan(session, 1)
    [taken] = claim(session)
    assert record(session, taken.id, taken.fence, state=State.REFUSED, now=NOW)
    assert not record(session, taken.id, taken.fence, state=State.ACCEPTED, now=NOW)
    assert state(session, taken.id) == State.REFUSED


def test_a_claim_nobody_settled_becomes_a_doubt_and_is_never_claimed_again(session):
    plan(session, 1)
    [taken] = claim(session)
    assert expire_leases(session, now=NOW + LEASE) == 0
    later = NOW + LEASE + timedelta(seconds=1)
    assert expire_leases(session, now=later) == 1
    assert state(session, taken.id) == State.UNCERTAIN
    assert claim(session, now=NOW + timedelta(days=30)) == []
    assert not record(session, taken.id, taken.fence, state=State.ACCEPTED, now=later)


def test_a_deferral_moves_the_message_and_never_copies_it(session):
    plan(session, 1)
    [taken] = claim(session)
    tomorrow = NOW + timedelta(days=1)
    assert defer(session, taken.id, taken.fence, due_at=tomorrow)
    assert claim(session) == []
    assert [m.id for m in claim(session, now=tomorrow)] == [taken.id]
    assert len(session.scalars(select(Message)).all()) == 1


@pytest.mark.parametrize("word", [State.ACCEPTED, State.REFUSED])
def test_a_doubt_is_settled_once_and_only_a_doubt(session, word):
    plan(session, 1)
    [taken] = claim(session)
    assert not settle(session, taken.id, state=word, now=NOW)
    expire_leases(session, now=NOW + 2 * LEASE)
    assert settle(session, taken.id, state=word, now=NOW, receipt="provider's id")
    assert not settle(session, taken.id, state=State.REFUSED, now=NOW)
    assert state(session, taken.id) == word


def test_only_doubts_are_given_back(session):
    plan(session, 2)
    [one, two] = claim(session)
    record(session, one.id, one.fence, state=State.ACCEPTED, now=NOW)
    expire_leases(session, now=NOW + 2 * LEASE)
    assert give_back(session, [one.id, two.id]) == 1
    assert state(session, one.id) == State.ACCEPTED
    assert state(session, two.id) == State.PLANNED


def test_a_customer_has_at_most_one_open_flag_of_an_issue(session):
    plan(session, 1)
    row = session.scalar(select(Flag))
    session.add(Flag(customer_id=row.customer_id, issue=row.issue, day=DAY + timedelta(days=1), probability=0.5, reasons=[],
                     days_until=None, evidence={}, detector="rule", created_at=NOW))
    with pytest.raises(IntegrityError, match="uq_flags_open"):
        session.commit()


@pytest.mark.parametrize("flags", [[1, 99], [99]])
def test_a_message_about_a_flag_that_is_not_there_is_refused_with_all_of_its_statement(session, flags):
    plan(session, 1, kind="update")
    with pytest.raises(IntegrityError, match="messages: flag 99 does not exist"):
        session.execute(insert(Message), [columns(message(each)) for each in flags])
    session.rollback()

    assert session.scalars(select(Message.kind)).all() == ["update"]


def columns(made):
    """Return a message as the values of a row."""
    return {name: value for name, value in vars(made).items() if not name.startswith("_")}
