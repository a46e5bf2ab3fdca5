"""Looks: what was seen of an issue on one day at the outcomes it is stopped or rewarded by; safe however often one looks."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Look(Base):
    """Both arms of the units whose watched horizon had passed by a day, and an interval that holds on all days at once."""

    __tablename__ = "looks"

    issue: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    horizon_months: Mapped[int] = mapped_column(primary_key=True)
    n_contact: Mapped[int]
    n_hold_out: Mapped[int]
    effect: Mapped[float | None]            # difference of means, contact minus hold out, stratified by share
    low: Mapped[float | None]               # 95 % confidence sequence
    high: Mapped[float | None]
    p_value: Mapped[float | None]           # always valid
    sample_ratio_p: Mapped[float | None]    # always valid
    found: Mapped[str]                      # harm | benefit | nothing | too_little
    at: Mapped[datetime]


def note_look(session: Session, look: dict[str, Any]) -> bool:
    """Keep a day's look, once; return whether it was new."""
    kept = insert(Look).values(look).on_conflict_do_nothing(index_elements=["issue", "day", "outcome", "horizon_months"]).returning(Look.issue)
    return session.scalar(kept) is not None


def looks_at(session: Session, issue: str) -> list[Look]:
    """Return the looks at an issue, oldest first."""
    return list(session.scalars(select(Look).where(Look.issue == issue).order_by(Look.day)))
