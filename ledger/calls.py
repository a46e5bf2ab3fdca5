"""Calls: messages that a person says by telephone instead of a machine, until they say how it went."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Row, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base, add_once


class Call(Base):
    """One message on the call list. Name and telephone number are looked up when the list is read."""

    __tablename__ = "calls"
    __table_args__ = (Index("ix_calls_open", "listed_at", postgresql_where="verdict IS NULL"),)

    message_key: Mapped[str] = mapped_column(primary_key=True)
    says: Mapped[str]                            # the message as plain text: what to tell the customer
    listed_at: Mapped[datetime]
    verdict: Mapped[str | None]                  # reached | not_reached | wrong_number | wants_no_calls
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]


def list_calls(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Put messages on the list, each once by its key; return how many are new."""
    return add_once(session, Call, rows, key=["message_key"])


def listed(session: Session, keys: Sequence[str]) -> set[str]:
    """Return those of `keys` that are on the list."""
    return set(session.scalars(select(Call.message_key).where(Call.message_key.in_(keys))))


def open_calls(session: Session, *, limit: int = 50) -> Sequence[Row[Any]]:
    """Return the calls still to be made, the longest waiting first: key, customer_id, issue, name, phone, says, listed_at."""
    return session.execute(OPEN, {"limit": limit}).all()


def settle_call(session: Session, key: str, *, verdict: str, by: str, now: datetime) -> bool:
    """Write how a call went; False where it is not on the list or was settled already."""
    here = (Call.message_key == key, Call.verdict.is_(None))
    done = update(Call).where(*here).values(verdict=verdict, settled_at=now, settled_by=by).returning(Call.message_key)
    return session.scalar(done) is not None


OPEN = text("""
    SELECT l.message_key, m.customer_id, m.issue, c.name, c.phone, c.language, l.says, l.listed_at
    FROM calls l JOIN messages m ON m.key = l.message_key LEFT JOIN customers c USING (customer_id)
    WHERE l.verdict IS NULL ORDER BY l.listed_at, l.message_key LIMIT :limit
""")
