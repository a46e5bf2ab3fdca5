"""Notes: what a colleague wrote down about a customer, for the next one who looks."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base

AT_MOST = 2000  # letters


class Note(Base):
    """One colleague's words on one customer; never changed."""

    __tablename__ = "notes"
    __table_args__ = (Index("ix_notes_customer_id_written_at", "customer_id", "written_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[str]
    text: Mapped[str]
    written_by: Mapped[str]
    written_at: Mapped[datetime]


def write_note(session: Session, customer_id: str, words: str, *, by: str, now: datetime) -> None:
    """Keep what a colleague says of a customer."""
    session.add(Note(customer_id=customer_id, text=words.replace("\0", "").strip()[:AT_MOST], written_by=by, written_at=now))
    session.flush()
