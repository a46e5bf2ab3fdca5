"""Days: which step of the route has been done for which day, so that running it again adds nothing.

started -> done. A step that was killed stays `started` and is simply run again.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Day(Base):
    """One step of the route (`detect`, `review`, `plan`, `measure`, ...) for one day."""

    __tablename__ = "days"

    day: Mapped[date] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    done_at: Mapped[datetime]
    counts: Mapped[dict[str, Any]]


def is_done(session: Session, day: date, step: str) -> bool:
    """Whether `step` was finished for `day`."""
    return session.scalar(select(Day.done_at).where(Day.day == day, Day.step == step)) is not None


def mark_done(session: Session, day: date, step: str, *, now: datetime, counts: dict[str, Any]) -> None:
    """Record that `step` is finished for `day`; the first record stays, so that a rerun leaves no trace."""
    row = {"day": day, "step": step, "done_at": now, "counts": counts}
    session.execute(insert(Day).values(row).on_conflict_do_nothing(index_elements=["day", "step"]))


def newest_days(session: Session) -> dict[str, tuple[date, datetime]]:
    """Map each step to the newest day it was finished for, and when the last of its days was."""
    asked = select(Day.step, func.max(Day.day), func.max(Day.done_at)).group_by(Day.step)
    return {step: (day, at) for step, day, at in session.execute(asked)}
