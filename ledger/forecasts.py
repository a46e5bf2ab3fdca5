"""Forecasts: a later horizon's effect, told from the first month; kept apart from readings, scored when the truth arrives."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base, add_once

KEY = ("issue", "outcome", "horizon_months", "made_in")


class Forecast(Base):
    """What was forecast for the assignments of `months`, in one calendar month; or why nothing was. Never changed."""

    __tablename__ = "forecasts"
    __table_args__ = (UniqueConstraint(*KEY),)

    id: Mapped[int] = mapped_column(primary_key=True)
    issue: Mapped[str]
    outcome: Mapped[str]
    horizon_months: Mapped[int]
    made_in: Mapped[str]                    # the month of the data cut, "2026-03"
    state: Mapped[str]                      # forecast | withheld | too_early
    why: Mapped[str | None]                 # the reason when there is none
    months: Mapped[list[Any]]               # months of assignment it speaks of, past their first month and not at the horizon
    n_contact: Mapped[int]
    n_hold_out: Mapped[int]
    effect: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    detail: Mapped[dict[str, Any]]          # the check on mature months: how many, what was left over, p, explained
    data_until: Mapped[date]
    made_at: Mapped[datetime]


def keep_forecasts(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Write forecasts; the first one of a month stays. Return how many are new."""
    return add_once(session, Forecast, rows, key=KEY)


def made_in(session: Session, month: str) -> bool:
    """Return whether this month's forecasts are made."""
    return bool(session.scalar(select(func.count()).select_from(Forecast).where(Forecast.made_in == month)))


def latest_forecasts(session: Session, issue: str | None = None) -> list[Forecast]:
    """Return the newest forecast of every issue, outcome and horizon."""
    keys = (Forecast.issue, Forecast.outcome, Forecast.horizon_months)
    chosen = select(Forecast).distinct(*keys).order_by(*keys, Forecast.made_in.desc())
    return list(session.scalars(chosen.where(Forecast.issue == issue) if issue else chosen))


def all_forecasts(session: Session) -> list[Forecast]:
    """Return every forecast ever shown, oldest first."""
    return list(session.scalars(select(Forecast).where(Forecast.state == "forecast").order_by(Forecast.made_in, Forecast.id)))
