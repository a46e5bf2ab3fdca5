"""Views: who looked at which customer, when, and which personal fields were shown to them unmasked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class View(Base):
    """One look at one customer."""

    __tablename__ = "views"
    __table_args__ = (Index("ix_views_customer_id_seen_at", "customer_id", "seen_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[str]
    seen_by: Mapped[str]                    # the colleague's address
    seen_at: Mapped[datetime]
    unmasked: Mapped[list[Any]]             # name | address | phone; empty where all were masked


def note_view(session: Session, customer_id: str, *, by: str, unmasked: Sequence[str], now: datetime) -> None:
    """Write down a look."""
    session.add(View(customer_id=customer_id, seen_by=by, seen_at=now, unmasked=list(unmasked)))
    session.flush()


def newest_views(session: Session, customer_id: str, *, limit: int = 10) -> list[View]:
    """Return the newest looks at a customer."""
    theirs = select(View).where(View.customer_id == customer_id)
    return list(session.scalars(theirs.order_by(View.seen_at.desc(), View.id.desc()).limit(limit)))
