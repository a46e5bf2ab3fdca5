"""What the pages of the models tell: which is in use, what was seen of it lately, which were before, and which step is done for which day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session

from ledger.models import Model
from ledger.watches import Watch

IN_USE = ("champion", "unproven")
STATES = {"champion": "in use", "unproven": "in use by a person's word", "challenger": "not better than the one in use",
          "retired": "was in use", "not_predictable": "has no skill, flags nobody", "rolled_back": "taken out of use by a person"}  # fmt: skip
KINDS = {"precision": "how often it was right", "calibration": "observed over foretold", "scores": "drift of its scores",
         "features": "drift of its features", "stale": "days since it was judged", "failed": "could not be used"}  # fmt: skip
ROUTE = ("detect", "missed", "watch", "review", "plan", "news", "measure", "train")
LATELY = timedelta(days=7)
WATCHED_DAYS = 60
TREND_DAYS = 14
SHOWN = 50


@dataclass(frozen=True)
class InUse:
    """One model in use, and the newest look of each kind at it."""

    model: Model
    looks: dict[str, Watch]

    @property
    def alarms(self) -> list[Watch]:
        """The looks that alarm."""
        return [each for each in self.looks.values() if each.alarm]


def in_use(session: Session) -> list[InUse]:
    """Return the models in use, by issue and detector, each with what was last seen of it."""
    newest = session.scalar(select(func.max(Watch.day)))
    seen: dict[tuple[str, str], dict[str, Watch]] = {}
    if newest is not None:
        for watch in session.scalars(select(Watch).where(Watch.day > newest - LATELY).order_by(Watch.day)):
            seen.setdefault((watch.issue, watch.detector), {})[watch.kind] = watch
    models = session.scalars(select(Model).where(Model.state.in_(IN_USE)).order_by(Model.issue, Model.detector))
    return [InUse(model, seen.get((model.issue, model.detector), {})) for model in models]


def history(session: Session, issue: str) -> Sequence[Model]:
    """Return an issue's models, the newest first."""
    newest = select(Model).where(Model.issue == issue).order_by(Model.trained_on.desc(), Model.created_at.desc(), Model.sha)
    return session.scalars(newest.limit(SHOWN)).all()


def has_predecessor(models: Sequence[Model], detector: str) -> bool:
    """Whether a model that was in use before could be put back."""
    return any(each.detector == detector and each.state == "retired" and each.promoted_on is not None for each in models)


def looks(session: Session, issue: str) -> Sequence[Watch]:
    """Return what was seen of an issue's models in the newest two months, the newest first."""
    newest = session.scalar(select(func.max(Watch.day)))
    if newest is None:
        return []
    mine = select(Watch).where(Watch.day > newest - timedelta(days=WATCHED_DAYS), Watch.issue == issue)
    return session.scalars(mine.order_by(Watch.day.desc(), Watch.detector, Watch.kind)).all()


def trend(seen: Sequence[Watch], detector: str) -> list[tuple[date, dict[str, Watch]]]:
    """Return one detector's looks by day, the newest day first, each day's by kind."""
    days: dict[date, dict[str, Watch]] = {}
    for watch in seen:
        if watch.detector == detector:
            days.setdefault(watch.day, {})[watch.kind] = watch
    return list(days.items())[:TREND_DAYS]


def steps(session: Session) -> Sequence[Row[Any]]:
    """Return the newest day for which each step of the route is done, in the route's order: step, day, done_at, counts."""
    places = {step: n for n, step in enumerate(ROUTE)}
    return sorted(session.execute(STEPS).all(), key=lambda row: (places.get(row.step, len(ROUTE)), row.step))


STEPS = text("SELECT DISTINCT ON (step) step, day, done_at, counts FROM days ORDER BY step, day DESC")
