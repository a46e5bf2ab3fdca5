"""Needs: whom a person should speak to instead of a machine, why, and since when."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Need(Base):
    """One reason why a customer is better called by a person; it stays until somebody takes it away."""

    __tablename__ = "needs"

    customer_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)     # vulnerable | asked
    since: Mapped[datetime]
    source: Mapped[str]                                     # "contacts.vulnerable", "answer", a person's name


def note_need(session: Session, customer_id: str, kind: str, *, source: str, now: datetime) -> None:
    """Mark a customer for a person's call; the first mark stays."""
    row = {"customer_id": customer_id, "kind": kind, "since": now, "source": source}
    session.execute(insert(Need).values(row).on_conflict_do_nothing(index_elements=["customer_id", "kind"]))
