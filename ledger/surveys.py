"""Surveys: which units were drawn to be asked, from both arms at the same time, and what they answered."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.errors import LedgerError
from ledger.assignments import Assignment
from ledger.base import Base

SCALES = {"csat": (1, 5), "ces": (1, 7), "nps": (0, 10)}


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


def survey_of(session: Session, flag_id: int) -> Survey | None:
    """Return what the unit was drawn to be asked that this flag brought into an arm."""
    return session.scalar(select(Survey).join(Assignment, Assignment.id == Survey.assignment_id).where(Assignment.flag_id == flag_id))


def record_answer(session: Session, assignment_id: int, *, kind: str, horizon_months: int, score: float, now: datetime) -> bool:
    """Keep the answer of a unit that was asked, the last word counts; False for one that was not.

    Raise LedgerError for a score beyond the scale.
    """
    low, high = SCALES[kind]
    if not low <= score <= high:
        raise LedgerError(f"survey {kind} of assignment {assignment_id}: score {score} is not on its scale. Give {low:g} to {high:g}.")
    asked = (Survey.assignment_id == assignment_id, Survey.kind == kind, Survey.horizon_months == horizon_months)
    kept = update(Survey).where(*asked).values(score=score, answered_at=now).returning(Survey.assignment_id)
    return session.scalar(kept) is not None
