"""Event bodies: what a provider or a customer posted to us, byte for byte, kept before anybody tries to read it."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Index, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base

EMPTIED = b""


class EventBody(Base):
    """One request as it came; its digest makes a body that is posted twice one row."""

    __tablename__ = "event_bodies"
    __table_args__ = (
        Index("ix_event_bodies_unread", "id", postgresql_where="read_at IS NULL"),
        Index("ix_event_bodies_received_at", "received_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str]                          # who reads it: sendgrid | mail
    digest: Mapped[str] = mapped_column(unique=True)
    content_type: Mapped[str]
    body: Mapped[bytes]                          # emptied after some weeks: it holds addresses
    received_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    problem: Mapped[str | None]                  # why it could not be read


def keep_body(session: Session, *, source: str, body: bytes, content_type: str, now: datetime) -> bool:
    """Store a body unread; return whether it is new."""
    digest = hashlib.sha256(source.encode() + b"\0" + body).hexdigest()
    row = {"source": source, "digest": digest, "content_type": content_type, "body": body, "received_at": now}
    new = insert(EventBody).values(**row).on_conflict_do_nothing(index_elements=["digest"]).returning(EventBody.id)
    return session.scalar(new) is not None


def take_unread(session: Session, *, limit: int) -> Sequence[EventBody]:
    """Return up to `limit` bodies nobody has read or is reading, oldest first, locked until the transaction ends."""
    unread = select(EventBody).where(EventBody.read_at.is_(None)).order_by(EventBody.id).limit(limit)
    return session.scalars(unread.with_for_update(skip_locked=True)).all()


def read_again(session: Session, *, since: datetime) -> int:
    """Mark the bodies received from `since` on as unread, so that they are read once more; return how many."""
    kept = (EventBody.received_at >= since, EventBody.body != EMPTIED)
    again = update(EventBody).where(*kept).values(read_at=None, problem=None).returning(EventBody.id)
    return len(session.scalars(again).all())


def empty_bodies(session: Session, *, before: datetime) -> int:
    """Empty what was received before an instant and could be read: its facts are events now, its addresses need not stay."""
    old = (EventBody.received_at < before, EventBody.read_at.is_not(None), EventBody.problem.is_(None), EventBody.body != EMPTIED)
    return len(session.scalars(update(EventBody).where(*old).values(body=EMPTIED).returning(EventBody.id)).all())


def unread(session: Session) -> int:
    """Return how many bodies wait to be read."""
    return session.scalar(select(func.count()).select_from(EventBody).where(EventBody.read_at.is_(None))) or 0
