"""Cohorts: the flags of one issue on one day, the unit a service leader reviews.

waiting -> approved | held | rejected; held -> approved | rejected; any of these -> waiting, until it is planned. Trimmed
flags are listed in `trimmed`. Each decision raises `revision`, and only one that was made on the newest revision is written.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Cohort(Base):
    """One issue's flags of one day and what was decided about them."""

    __tablename__ = "cohorts"

    issue: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    size: Mapped[int]
    expected_precision: Mapped[float | None]                   # None where nobody knows how often its detector is right
    thresholds: Mapped[dict[str, Any]] = mapped_column(default=dict)  # detector -> flag_at, set_by (capacity, money, base rate)
    expected_worth: Mapped[float | None]                       # of telling all of them, in the company's currency
    over_represented: Mapped[list[Any]] = mapped_column(default=list)  # traits that stand out, each with a sentence
    state: Mapped[str] = mapped_column(default="waiting")
    trimmed: Mapped[list[Any]] = mapped_column(default=list)   # flag ids taken out before the draw
    decided_by: Mapped[str | None]                             # a person, or "within limits"
    decided_at: Mapped[datetime | None]
    note: Mapped[str | None]
    replay: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    planned_at: Mapped[datetime | None]                        # from then on its decision stands
    revision: Mapped[int] = mapped_column(default=0, server_default="0")  # grows with each decision
    first_approved_by: Mapped[str | None]                      # where two people are needed: the first of them
    first_approved_at: Mapped[datetime | None]


def move(session: Session, cohort: Cohort, **values: Any) -> bool:
    """Write a decision about a cohort as it was read; False where somebody decided, or it was planned, since."""
    as_read = (Cohort.issue == cohort.issue, Cohort.day == cohort.day, Cohort.revision == cohort.revision,
               Cohort.planned_at.is_(None))  # fmt: skip
    decided = update(Cohort).where(*as_read).values(revision=Cohort.revision + 1, **values).returning(Cohort.revision)
    moved = session.scalar(decided.execution_options(synchronize_session=False)) is not None
    session.refresh(cohort)
    return moved
