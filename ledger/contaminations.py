"""Contaminations: held-out customers whom somebody contacted all the same, so that a reading can be judged with and without."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Contamination(Base):
    """One contact with one held-out unit, found in a source or told by a person, once."""

    __tablename__ = "contaminations"
    __table_args__ = (UniqueConstraint("assignment_id", "source", "event_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    scope: Mapped[str]                      # the holdout it soils: an issue, or `programme`
    unit_id: Mapped[str]
    customer_id: Mapped[str]                # who was contacted
    source: Mapped[str]                     # "campaigns.sent", or "told by" and a name
    event_id: Mapped[str]
    occurred_at: Mapped[datetime]
    found_at: Mapped[datetime]
    note: Mapped[str | None]
