"""Missed: the troubles and contacts of a day that nobody foresaw, counted by what they were and why nobody did."""

from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

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


def last_counted(session: Session) -> date | None:
    """Return the newest day whose troubles were counted."""
    return session.scalar(select(func.max(Missed.day)))


def missed_by_event(session: Session, last: date, *, days: int = 7) -> list[dict[str, int | str]]:
    """Return one row a kind of trouble of the days until `last`, the most missed first: event, n, missed, and each of WHY."""
    asked = select(Missed.event, Missed.why, func.sum(Missed.n)).where(Missed.day > last - timedelta(days=days), Missed.day <= last)
    found: dict[str, dict[str, int]] = {}
    for event, why, n in session.execute(asked.group_by(Missed.event, Missed.why)):
        found.setdefault(event, dict.fromkeys(WHY, 0))[why] = int(n)
    rows: list[dict[str, int | str]] = [{"event": event, "n": sum(whys.values()), "missed": sum(whys.values()) - whys["foreseen"], **whys}
                                        for event, whys in found.items()]  # fmt: skip
    return sorted(rows, key=lambda row: (-int(row["missed"]), str(row["event"])))
