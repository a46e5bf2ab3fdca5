"""Provider events: what a provider says became of a message, each once, in whatever order it came.

An event of a message we do not know is kept aside: it may be another system's, or ours from a ledger that was lost.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base, add_once


class ProviderEvent(Base):
    """One event by the provider's own id. It names our message, never an address."""

    __tablename__ = "provider_events"
    __table_args__ = (Index("ix_provider_events_message_key", "message_key"),)

    provider: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    message_key: Mapped[str | None]              # our id, as the provider gave it back; None where it named none
    known: Mapped[bool]                          # whether the ledger has that message, and it was to be sent
    kind: Mapped[str]
    occurred_at: Mapped[datetime]                # by the provider's clock
    recorded_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]               # the provider's reason, without the address


def add_events(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Write events by their ids, each once; return how many are new."""
    once = {(row["provider"], row["event_id"]): row for row in rows}
    return add_once(session, ProviderEvent, list(once.values()), key=["provider", "event_id"])


def know(session: Session, keys: Collection[str]) -> None:
    """Take the events of these messages from the side: the ledger has the messages by now."""
    aside = (ProviderEvent.message_key.in_(keys), ~ProviderEvent.known)
    session.execute(update(ProviderEvent).where(*aside).values(known=True))


def set_aside(session: Session, *, limit: int = 100) -> list[ProviderEvent]:
    """Return the newest events of messages the ledger does not know."""
    aside = select(ProviderEvent).where(~ProviderEvent.known).order_by(ProviderEvent.recorded_at.desc()).limit(limit)
    return list(session.scalars(aside))

