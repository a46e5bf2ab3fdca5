"""Contacts: a customer reaching us about something we said, until a person has looked at it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base, add_once


class Contact(Base):
    """One contact by the id its source gave it; on the flag of the message it answers, where that is known."""

    __tablename__ = "contacts"
    __table_args__ = (Index("ix_contacts_open", "received_at", postgresql_where="handled_at IS NULL"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[str] = mapped_column(unique=True)   # a digest of the e-mail's Message-ID, say
    kind: Mapped[str]                                     # reply | stop | do_it | call_me | ...
    customer_id: Mapped[str | None] = mapped_column(index=True)
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"), index=True)
    flag_id: Mapped[int | None] = mapped_column(ForeignKey("flags.id"))
    text: Mapped[str]                                     # what they wrote, without what they quoted
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]
    handled_by: Mapped[str | None]
    note: Mapped[str | None]


def add_contacts(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Write contacts by their source ids; return how many are new."""
    return add_once(session, Contact, rows, key=["source_id"])


def open_contacts(session: Session, *, limit: int = 100) -> list[Contact]:
    """Return the contacts nobody has handled, a wish to stop first, then the longest waiting."""
    waiting = select(Contact).where(Contact.handled_at.is_(None))
    return list(session.scalars(waiting.order_by((Contact.kind != "stop"), Contact.received_at, Contact.id).limit(limit)))


def handle(session: Session, contact_id: int, *, by: str, note: str | None, now: datetime) -> Contact | None:
    """Mark an open contact as handled by a person; None where it does not exist or was handled already."""
    here = (Contact.id == contact_id, Contact.handled_at.is_(None))
    return session.scalar(update(Contact).where(*here).values(handled_at=now, handled_by=by, note=note).returning(Contact))
