"""Surveys: which units were drawn to be asked, from both arms at the same time, and what they answered."""

from datetime import date, datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Survey(Base):
    """One question to one unit at one horizon; a unit that was drawn and did not answer stays a row."""

    __tablename__ = "surveys"

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)             # csat | ces | nps
    horizon_months: Mapped[int] = mapped_column(primary_key=True)
    due_on: Mapped[date]
    drawn_at: Mapped[datetime]
    score: Mapped[float | None]                                     # on the kind's own scale
    answered_at: Mapped[datetime | None]
