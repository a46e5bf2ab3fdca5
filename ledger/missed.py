"""Missed: the troubles and contacts of a day that nobody foresaw, counted by what they were and why nobody did."""

from datetime import date, datetime

from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base

WHY = ("foreseen", "no_detector", "below_the_line", "too_late", "no_data")


class Missed(Base):
    """One day's troubles or contacts of one kind that share a reason; the foreseen ones stand beside them."""

    __tablename__ = "missed"

    day: Mapped[date] = mapped_column(primary_key=True)
    event: Mapped[str] = mapped_column(primary_key=True)  # "source.kind"
    why: Mapped[str] = mapped_column(primary_key=True)    # foreseen | no_detector | below_the_line | too_late | no_data
    n: Mapped[int]
    counted_at: Mapped[datetime]
