"""Customers of the past who were most like a flagged one, and what became of them.

Likeness is what the model sees: the distance between two customers is that of their features' shares of the log-odds, so
what does not matter to the probability does not count, and what matters counts as much as it moves it.
"""

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from core.errors import MissingError
from core.settings import Settings
from detectors import models
from detectors.detector import Detector, Examples, Model, Numbers, Probabilities, numbers_of, unit_code
from detectors.examples import Vectors, collect, past_days
from detectors.intervened import contact_units, shared_units
from detectors.issue import Issue, load_issues
from detectors.watching import kinds_of, with_signs
from feature_store import feature_set
from feature_store.build import vectors
from ledger.flags import Flag
from ledger.models import Model as ModelRow

KEPT = 1_000       # past customers held against, the most probable ones
NEAREST = 20


@dataclass(frozen=True)
class Similar:
    """What became of the customers most like one: how many of them were struck, and after how many days, the median."""

    of: int
    struck: int
    days: float | None

    def sentence(self) -> str:
        """Say it in words."""
        after = f", after {self.days:.0f} days in the middle" if self.days is not None else ""
        return f"of the {self.of} past customers most like this one, {self.struck} had the trouble{after}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values for the ledger."""
        return {"of": self.of, "struck": self.struck, "days": self.days}


@dataclass(frozen=True)
class Past:
    """Past customers at risk as a model sees them, and what became of them."""

    moved: Probabilities
    struck: NDArray[np.bool_]
    lag_days: Probabilities

    @classmethod
    def seen(cls, model: Model, known: Examples) -> "Past":
        """Return the known customers whom the model finds most probable, as it sees them."""
        first = np.argsort(-model.probability(known.numbers, known.half), kind="stable")[:KEPT]
        return cls(model.moved_by(known.numbers[first], known.half[first]), known.struck[first], known.lag_days[first])

    def like(self, model: Model, numbers: Numbers, half: NDArray[np.int64]) -> list[Similar]:
        """Return for each row what became of the customers most like it."""
        from sklearn.neighbors import NearestNeighbors

        if not len(numbers) or not len(self.struck):
            return []
        near = NearestNeighbors(n_neighbors=min(NEAREST, len(self.struck)), algorithm="brute").fit(self.moved)
        found = near.kneighbors(model.moved_by(numbers, half), return_distance=False)
        return [self._became(rows) for rows in found]

    def _became(self, rows: NDArray[np.int64]) -> Similar:
        hit = rows[self.struck[rows]]
        days = round(float(np.median(self.lag_days[hit])), 1) if len(hit) else None
        return Similar(len(rows), len(hit), days)


def of_flag(settings: Settings, session: Session, flag_id: int) -> Similar:
    """Return what became of the past customers most like a flagged one, as the model that flagged them sees it.

    Worked out when asked, from the newest past day whose outcome was known on the flag's day, so that nothing about anybody
    is kept. Raise MissingError when there is no such flag, model or day.
    """
    flag = session.get(Flag, flag_id)
    row = session.get(ModelRow, flag.model_sha) if flag is not None and flag.model_sha else None
    if flag is None or row is None:
        raise MissingError(f"flag {flag_id}: there is no such flag of a learned model, so nobody to liken it to.")
    issue, frozen = load_issues(settings)[flag.issue], feature_set.load(settings, row.feature_set)
    kind = kinds_of(settings, issue)[flag.detector]
    model = models.load(settings, row.sha, kind, frozen).model
    seen = partial(_seen, settings, kind, frozen.version)
    past = Past.seen(model, _known(settings, session, issue, seen, flag.day).seeing(model.features))
    mine = seen(flag.day).filter(pl.col("customer_id") == flag.customer_id)
    half = unit_code(contact_units(mine["customer_id"], shared_units(session))) & 1
    return past.like(model, numbers_of(mine, model.features), half)[0]


def _seen(settings: Settings, kind: Detector, version: str, day: date) -> pl.DataFrame:
    return with_signs(settings, [kind], vectors(settings, day, version))


def _known(settings: Settings, session: Session, issue: Issue, seen: Vectors, day: date) -> Examples:
    """Return the newest past day's customers at risk with what became of them, as known on `day`."""
    cutoffs = past_days(issue, settings.training, day=day, first=date.min)[-1:]
    if not cutoffs:
        raise MissingError(f"{issue.name}: no past day's outcome was known on {day}.")
    return collect(settings, session, issue, cutoffs, seen, day=day)
