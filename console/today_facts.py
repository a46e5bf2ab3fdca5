"""What the first page says, in the order in which a person wants it: missed, waiting, doubtful, stopped, counted, late."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clock import last_whole_day
from core.settings import Settings
from ledger.calls import Call
from ledger.cohorts import Cohort
from ledger.days import newest_days
from ledger.messages import Message
from ledger.missed import last_counted, missed_by_event
from outreach.reconcile import PARTS, counts

AT_MOST = 50
DAILY = ("detect", "addresses", "news", "review", "plan", "missed", "watch", "measure")
SAID = {"detect": "pull the day, score it, flag", "addresses": "bring addresses up to date", "news": "hear what the day says",
        "review": "form cohorts and approve small ones", "plan": "gate, draw and plan", "missed": "count what nobody foresaw",
        "watch": "look at the models in use", "measure": "read loyalty"}  # fmt: skip
GRACE = timedelta(hours=8)  # after midnight UTC: until then the night's run may still be at work


@dataclass(frozen=True)
class Missed:
    """The last week's troubles by kind and reason, and the share foreseen in each of the last weeks."""

    last: date
    rows: list[dict[str, Any]]
    n: int
    missed: int
    trend: list[dict[str, Any]]

    @property
    def foreseen(self) -> float | None:
        """The share that was foreseen."""
        return 1 - self.missed / self.n if self.n else None


@dataclass(frozen=True)
class Counted:
    """A day's counts, an issue a row, and whether they add up."""

    day: date
    rows: list[dict[str, Any]]
    parts: list[str]                # those that hold anybody

    @property
    def add_up(self) -> bool:
        """Whether every flag is accounted for, once."""
        return all(row["reconciles"] for row in self.rows)


@dataclass(frozen=True)
class Late:
    """One step of the route that is behind."""

    step: str
    says: str
    last: date
    behind_days: int


def missed_of(session: Session) -> Missed | None:
    """Return what the newest counted week missed; None where nothing was counted yet."""
    from detectors.missed import trend

    last = last_counted(session)
    if last is None:
        return None
    rows = missed_by_event(session, last)
    total, missed = sum(int(row["n"]) for row in rows), sum(int(row["missed"]) for row in rows)
    return Missed(last, [dict(row) for row in rows], total, missed, trend(session, last))


def waiting(session: Session) -> list[Cohort]:
    """Return the cohorts that wait for a person, the one worth most first."""
    waits = select(Cohort).where(Cohort.state.in_(("waiting", "held")), ~Cohort.replay, Cohort.planned_at.is_(None))
    order = waits.order_by(Cohort.expected_worth.desc().nulls_last(), Cohort.size.desc(), Cohort.day.desc(), Cohort.issue)
    return list(session.scalars(order.limit(AT_MOST)))


def open_counts(session: Session) -> dict[str, int]:
    """Return how many calls are to be made and how many messages are in doubt."""
    calls = select(func.count()).select_from(Call).where(Call.verdict.is_(None))
    doubts = select(func.count()).select_from(Message).where(Message.state == "uncertain")
    return {"calls": session.scalar(calls) or 0, "doubts": session.scalar(doubts) or 0}


def counted_of(session: Session, *, now: datetime) -> Counted | None:
    """Return the counts of yesterday, or of the newest day before it that had a cohort; None where there was none."""
    newest = select(func.max(Cohort.day)).where(Cohort.day <= last_whole_day(now))
    day = session.scalar(newest)
    if day is None:
        return None
    rows = counts(session, days=[day])
    told = [row | {"reconciles": row["size"] == row["flagged"] == sum(row[part] for part in PARTS)} for row in rows]
    return Counted(day, told, [part for part in PARTS if any(row[part] for row in rows)])


def late_of(session: Session, *, now: datetime) -> list[Late]:
    """Return the daily steps that are not done for yesterday although the night is over; those never done are not said to be late."""
    expected = last_whole_day(now - GRACE)
    newest = newest_days(session)
    return [Late(step, SAID[step], newest[step][0], (expected - newest[step][0]).days)
            for step in DAILY if step in newest and newest[step][0] < expected]  # fmt: skip


def late_sources(settings: Settings, *, now: datetime) -> list[dict[str, Any]]:
    """Return the sources that are behind, with the last day each was pulled for; read from the lake's books, so not on every view."""
    from feature_store import lake
    from feature_store.sources.configured import load_sources

    expected = last_whole_day(now - GRACE)
    pulled = {row["source"]: row["last"] for row in lake.pulls(settings).group_by("source").agg(_last()).to_dicts()}
    last = {name: pulled.get(name) for name in load_sources(settings)}
    return [{"source": name, "last": day, "behind_days": (expected - day).days if day else None}
            for name, day in sorted(last.items()) if day is None or day < expected]  # fmt: skip


def _last() -> Any:
    import polars as pl

    return pl.col("last").max()
