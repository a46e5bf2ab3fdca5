"""Each arrow a message takes is a row, whoever moved it and however."""

from datetime import timedelta

from sqlalchemy import text, update

from ledger.messages import Message, Result, State, approve, claim_due, defer, expire_leases, hear, record_all, settle
from ledger.transitions import history
from tests.ledger.test_messages import LEASE, NOW, plan


def arrows(session, message_id):
    return [(each.from_state, each.to_state, each.at) for each in history(session, message_id)]


def claim(session, now=NOW):
    [taken] = claim_due(session, now=now, lease=LEASE, limit=1)
    session.commit()
    return taken


def test_a_life_can_be_read_from_its_arrows(session):
    plan(session, 1)
    first = claim(session)
    defer(session, first.id, first.fence, due_at=NOW, now=NOW + timedelta(minutes=1))
    second = claim(session, NOW + timedelta(minutes=2))
    expire_leases(session, now=NOW + timedelta(hours=1))
    settle(session, second.id, state=State.ACCEPTED, now=NOW + timedelta(hours=2))
    hear(session, {second.key: State.BOUNCED}, now=NOW + timedelta(hours=3))
    session.commit()

    assert arrows(session, second.id) == [
        ("planned", "claimed", NOW), ("claimed", "planned", NOW + timedelta(minutes=1)),
        ("planned", "claimed", NOW + timedelta(minutes=2)), ("claimed", "uncertain", NOW + timedelta(hours=1)),
        ("uncertain", "accepted", NOW + timedelta(hours=2)), ("accepted", "bounced", NOW + timedelta(hours=3)),
    ]  # fmt: skip
    assert [each.fence for each in history(session, second.id)] == [1, 1, 2, 2, 2, 2]


def test_a_batch_leaves_a_row_each_with_its_reasons(session):
    plan(session, 3)
    taken = claim_due(session, now=NOW, lease=LEASE, limit=3)
    record_all(session, [Result(m.id, m.fence, State.REFUSED, "v2", reasons=(f"no {m.id}",)) for m in taken], now=NOW)
    session.commit()

    assert {m.id: history(session, m.id)[-1].reasons for m in taken} == {m.id: [f"no {m.id}"] for m in taken}


def test_whoever_moves_a_message_by_hand_is_written_down_too(session):
    plan(session, 1)
    session.execute(update(Message).values(state="suppressed"))
    session.execute(text("UPDATE messages SET reasons = '[]'"))
    session.commit()
    (message_id,) = session.scalars(text("SELECT id FROM messages"))

    assert [each[:2] for each in arrows(session, message_id)] == [("planned", "suppressed")]


def test_what_was_taken_back_left_no_arrow(session):
    plan(session, 1)
    [taken] = claim_due(session, now=NOW, lease=LEASE, limit=1)
    session.rollback()

    assert history(session, taken.id) == []


def test_a_message_that_needs_a_persons_word_waits_for_it(session):
    plan(session, 2)
    session.execute(update(Message).where(Message.customer_id == Message.unit_id).values(needs_approval=True))
    session.commit()
    ids = list(session.scalars(text("SELECT id FROM messages ORDER BY id")))
    assert claim_due(session, now=NOW, lease=LEASE, limit=9) == []
    assert approve(session, ids[:1], now=NOW) == 1
    assert approve(session, ids[:1], now=NOW) == 0, "once"
    session.commit()

    assert [m.id for m in claim_due(session, now=NOW, lease=LEASE, limit=9)] == ids[:1]
    assert [each[:2] for each in arrows(session, ids[0])] == [("planned", "approved"), ("approved", "claimed")]


def test_a_persons_word_outlasts_a_call_that_was_certainly_not_taken(session):
    plan(session, 1)
    session.execute(update(Message).values(needs_approval=True))
    session.commit()
    [message_id] = session.scalars(text("SELECT id FROM messages"))
    approve(session, [message_id], now=NOW)
    for give_back_by in (
        lambda m: record_all(session, [Result(m.id, m.fence, State.PLANNED, "v1", due_at=NOW)], now=NOW),
        lambda m: defer(session, m.id, m.fence, due_at=NOW),
    ):
        [taken] = claim_due(session, now=NOW, lease=LEASE, limit=9)
        assert give_back_by(taken)
        assert session.scalar(text("SELECT state FROM messages")) == "approved"
