"""Near misses: customers scored just below what it took to be flagged that day; those just above are flags with a margin.

They are kept so that what cannot be held out can be read at the threshold. A customer is kept once in a year and a half.
"""

from datetime import date, timedelta

from sqlalchemy import Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base

KEPT_ONCE_IN = timedelta(days=548)


class NearMiss(Base):
    """One customer who was nearly flagged."""

    __tablename__ = "near_misses"
    __table_args__ = (Index("ix_near_misses_issue_day", "issue", "day"),)

    customer_id: Mapped[str] = mapped_column(primary_key=True)
    issue: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    probability: Mapped[float]
    margin: Mapped[float]                   # below zero: what was missing


def nearly_flagged(session: Session, issue: str, day: date) -> set[str]:
    """Return who was kept as a near miss of the issue within the year and a half before `day`."""
    lately = (NearMiss.issue == issue, NearMiss.day > day - KEPT_ONCE_IN, NearMiss.day < day)
    return set(session.scalars(select(NearMiss.customer_id).where(*lately)))
