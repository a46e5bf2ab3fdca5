"""A claim is begun or revoked, never both; so what was never called goes back, and what may have been is a doubt."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from ledger import database
from ledger.claims import begin, open_claim, revoke, revoke_expired
from ledger.messages import Message, Result, State, claim_due, expire_leases, record_all
from tests.ledger.test_messages import LEASE, NOW, plan, state

LATE = NOW + LEASE + timedelta(seconds=1)


@pytest.fixture
def held(session):
    """Three messages held by a claim that is not begun."""
    plan(session, 3)
    return hold(session)


def hold(session, now=NOW):
    claim_id = open_claim(session, now=now, lease=LEASE)
    taken = claim_due(session, now=now, lease=LEASE, limit=9, claim_id=claim_id)
    session.commit()
    return claim_id, taken


def states(session):
    session.expire_all()
    return [state(session, message_id) for message_id in session.scalars(select(Message.id).order_by(Message.id))]


def test_what_was_never_called_is_planned_again_once_its_lease_ran_out(session, held):
    assert revoke_expired(session, now=NOW + LEASE) == 0
    assert revoke_expired(session, now=LATE) == 3
    assert expire_leases(session, now=LATE) == 0
    session.commit()

    assert states(session) == [State.PLANNED] * 3
    assert len(hold(session, LATE)[1]) == 3


def test_what_was_begun_is_a_doubt_for_good(session, held):
    assert begin(session, held[0], now=NOW)
    assert revoke_expired(session, now=LATE) == 0
    assert expire_leases(session, now=LATE) == 3

    assert states(session) == [State.UNCERTAIN] * 3


def test_a_sender_that_comes_back_late_may_not_begin(session, held):
    assert not begin(session, held[0], now=LATE), "its lease ran out, though nobody has looked yet"
    revoke_expired(session, now=LATE)
    assert not begin(session, held[0], now=NOW), "its clock is wrong, and the claim is revoked"


def test_a_late_sender_cannot_record_over_the_next_one(session, held):
    revoke_expired(session, now=LATE)
    session.commit()
    _, again = hold(session, LATE)
    old = [Result(m.id, m.fence, State.ACCEPTED, "v", receipt="zombie") for m in held[1]]

    assert record_all(session, old, now=LATE) == set()
    assert {m.fence for m in again} == {2}


def test_beginning_and_revoking_at_once_has_one_winner(settings, session):
    plan(session, 30)
    maker = database.sessions(settings)
    for _ in range(10):
        claim_id = open_claim(session, now=NOW, lease=LEASE)
        claim_due(session, now=NOW, lease=LEASE, limit=3, claim_id=claim_id)
        session.commit()

        def race(do, claim_id=claim_id):
            with maker.begin() as own:
                return bool(do(own, claim_id, now=NOW))

        with ThreadPoolExecutor(2) as pool:
            begun, given_back = pool.map(race, (begin, revoke))
        assert begun != given_back
        session.execute(update(Message).where(Message.state == State.PLANNED, Message.claim_id.is_(None), Message.fence > 0).values(state="shadow"))
        session.commit()


def test_a_claim_is_given_back_at_once_when_its_turn_never_comes(session, held):
    assert revoke(session, held[0], now=NOW) == 3
    assert revoke(session, held[0], now=NOW) == 0

    assert states(session) == [State.PLANNED] * 3


def test_a_message_that_needed_a_word_keeps_it(session):
    plan(session, 1)
    session.execute(update(Message).values(needs_approval=True, state=State.APPROVED))
    claim_id, _ = hold(session)
    revoke(session, claim_id, now=NOW)

    assert states(session) == [State.APPROVED]
