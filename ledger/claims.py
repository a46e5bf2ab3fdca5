"""Claims: one sender's hold on one batch, by which a batch that was never called is told from one that may have been.

A claim is begun right before its provider is called, or revoked once its lease ran out, never both: both change the same
row. What was claimed and not begun goes back to be sent; what was begun and not recorded is a doubt.
"""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, Index, func, insert, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Claim(Base):
    """One batch: when it was claimed, until when, and whether its call began."""

    __tablename__ = "claims"
    __table_args__ = (Index("ix_claims_waiting", "lease_until", postgresql_where="begun_at IS NULL AND revoked_at IS NULL"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    claimed_at: Mapped[datetime]
    lease_until: Mapped[datetime]
    begun_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


def open_claim(session: Session, *, now: datetime, lease: timedelta) -> int:
    """Write a new claim and return its number."""
    new = insert(Claim).values(claimed_at=now, lease_until=now + lease).returning(Claim.id)
    return session.scalars(new).one()


def hold_gate(session: Session, lock: int) -> None:
    """Let one sender at a time judge and claim, and have its transaction look each row up by its index.

    While a day is sent, the planner's picture of what is due is old within seconds: it would read and sort all of it for each
    batch. Nor need this commit be on disk before it is built upon: what `begin` commits, before any call, puts it there as well.
    """
    session.execute(BY_INDEX, {"sync": "off"})
    session.execute(select(func.pg_advisory_xact_lock(lock)))


def look_up_by_index(session: Session) -> None:
    """Have this transaction look each row up by its index, however many the planner thinks there are."""
    session.execute(BY_INDEX, {"sync": "on"})


# Merge joins stay: between two short lists that are in memory already they are the cheap ones.
BY_INDEX = text("""
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
           set_config('enable_hashjoin', 'off', true), set_config('synchronous_commit', :sync, true)
""")


def begin(session: Session, claim_id: int, *, now: datetime) -> bool:
    """Say that the provider is called now; False where the claim was revoked or its lease ran out: then nothing may be called.

    Commit before the call.
    """
    mine = (Claim.id == claim_id, Claim.begun_at.is_(None), Claim.revoked_at.is_(None), Claim.lease_until > now)
    return session.scalar(update(Claim).where(*mine).values(begun_at=now).returning(Claim.id)) is not None


def revoke(session: Session, claim_id: int, *, now: datetime) -> int:
    """Give back what a claim holds and never called; return how many messages are planned again."""
    mine = (Claim.id == claim_id, Claim.begun_at.is_(None), Claim.revoked_at.is_(None))
    session.execute(update(Claim).where(*mine).values(revoked_at=now))
    return _give_back(session, now)


def revoke_expired(session: Session, *, now: datetime) -> int:
    """Give back what claims hold whose lease ran out before they were begun; return how many messages are planned again."""
    late = (Claim.lease_until < now, Claim.begun_at.is_(None), Claim.revoked_at.is_(None))
    session.execute(update(Claim).where(*late).values(revoked_at=now))
    return _give_back(session, now)


def _give_back(session: Session, now: datetime) -> int:
    return cast("CursorResult[Any]", session.execute(GIVE_BACK, {"now": now})).rowcount


GIVE_BACK = text("""
    WITH mine AS (
        SELECT m.id FROM messages m JOIN claims c ON c.id = m.claim_id
        WHERE m.state = 'claimed' AND c.revoked_at IS NOT NULL ORDER BY m.id FOR UPDATE OF m
    )
    UPDATE messages AS m SET state = CASE WHEN m.needs_approval THEN 'approved' ELSE 'planned' END,
        claimed_at = NULL, lease_until = NULL, claim_id = NULL, moved_at = :now
    FROM mine WHERE m.id = mine.id AND m.state = 'claimed'
""")
