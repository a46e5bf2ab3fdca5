"""Calls: what a person says by telephone, until they say how it went.

A message of a playbook whose channel is the call list, by its key; one that the customer asked for about a message; or a call
that a colleague asked for, with the customer and who asked.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Row, false, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base, add_once


class Call(Base):
    """One call to be made. Name and telephone number are looked up when the list is read."""

    __tablename__ = "calls"
    __table_args__ = (
        Index("ix_calls_open", "listed_at", postgresql_where="verdict IS NULL"),
        Index("ix_calls_customer_id", "customer_id", postgresql_where="customer_id IS NOT NULL"),
    )

    message_key: Mapped[str] = mapped_column(primary_key=True)  # of no message where a colleague asked for the call
    says: Mapped[str]                            # the message as plain text: what to tell the customer
    listed_at: Mapped[datetime]
    verdict: Mapped[str | None]                  # reached | not_reached | wrong_number | wants_no_calls
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]
    customer_id: Mapped[str | None]              # of a call that a colleague asked for; else the message says who
    asked_by: Mapped[str | None]                 # that colleague
    asked: Mapped[bool] = mapped_column(default=False, server_default=false())  # by the customer, about a message they have


def list_calls(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Put messages on the list, each once by its key; return how many are new."""
    return add_once(session, Call, rows, key=["message_key"])


def ask_for_call(session: Session, key: str, *, says: str, now: datetime) -> None:
    """Put a call on the list that the customer asked for about a message, once; one that was itself a call is made once more."""
    new = insert(Call).values(message_key=key, says=says, listed_at=now, asked=True)
    again = {"says": says, "listed_at": now, "asked": True, "verdict": None, "settled_at": None, "settled_by": None}
    session.execute(new.on_conflict_do_update(index_elements=["message_key"], set_=again, where=~Call.asked))


def listed(session: Session, keys: Sequence[str]) -> set[str]:
    """Return those of `keys` that are on the list."""
    return set(session.scalars(select(Call.message_key).where(Call.message_key.in_(keys))))


def open_calls(session: Session, *, limit: int = 50) -> Sequence[Row[Any]]:
    """Return the calls still to be made, those that customers asked for first, then the longest waiting.

    Each has message_key, customer_id, issue, asked_by, name, phone, language, says, listed_at, asked.
    """
    return session.execute(OPEN, {"limit": limit}).all()


def settle_call(session: Session, key: str, *, verdict: str, by: str, now: datetime) -> bool | None:
    """Write how a call went; return whether the customer had asked for it, None where it is not on the list or was settled already."""
    here = (Call.message_key == key, Call.verdict.is_(None))
    done = update(Call).where(*here).values(verdict=verdict, settled_at=now, settled_by=by).returning(Call.asked)
    return session.scalar(done)


OPEN = text("""
    SELECT l.message_key, COALESCE(l.customer_id, m.customer_id) AS customer_id, m.issue, l.asked_by, c.name, c.phone, c.language,
           l.says, l.listed_at, l.asked
    FROM calls l LEFT JOIN messages m ON m.key = l.message_key
    LEFT JOIN customers c ON c.customer_id = COALESCE(l.customer_id, m.customer_id)
    WHERE l.verdict IS NULL ORDER BY l.asked DESC, l.listed_at, l.message_key LIMIT :limit
""")
