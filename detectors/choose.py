"""Whom to flag: of each customer the detector that is surest of them, of all customers those most probable."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detectors.detector import Detector, Model, Probabilities, numbers_of
from detectors.issue import Issue
from detectors.threshold import Level, days_until


@dataclass(frozen=True)
class Ready:
    """A detector in use: its kind and model, the level from which it flags and what set that, and the usual lags."""

    kind: Detector
    model: Model
    level: Level
    sha: str | None
    lags: list[dict[str, Any]]


@dataclass(frozen=True)
class Seen:
    """The customers at risk on a day: their rows, and which half each belongs to."""

    rows: pl.DataFrame
    half: NDArray[np.int64]

    def row(self, ready: Ready, place: int) -> tuple[Any, NDArray[np.int64]]:
        """Return one customer's numbers for a detector, and their half."""
        return numbers_of(self.rows[[place]], ready.model.features), self.half[[place]]


@dataclass(frozen=True)
class Chosen:
    """The customers to flag, most probable first, each by the detector that is surest of them."""

    ready: Sequence[Ready]
    places: NDArray[np.int64]            # among the rows
    probability: Probabilities
    by: NDArray[np.int64]                # which of `ready`
    above: NDArray[np.bool_]             # (places, ready): who else would flag them
    days: Probabilities                  # that a detector of the issue can tell, NaN where none can
    margin: Probabilities                # of every row: beyond what it took to be flagged, below zero for all others; NaN: unscored
    free: NDArray[np.bool_]              # of every row: not spoken for
    best: Probabilities                  # of every row: the highest probability of a detector that learns

    def by_detector(self) -> list[tuple[Ready, NDArray[np.int64]]]:
        """Return the detectors that flag somebody, each with its customers' places."""
        return [(one, self.places[self.by == n]) for n, one in enumerate(self.ready) if (self.by == n).any()]

    def others_say(self, seen: Seen, place: int) -> list[str]:
        """Return what the other detectors that would flag a customer say of them, in their own words."""
        at = int(np.flatnonzero(self.places == place)[0])
        row = seen.rows.row(int(place), named=True)
        return [said for n, one in enumerate(self.ready) if n != self.by[at] and self.above[at, n] for said in one.model.said(row)]

    def near(self, most: int) -> NDArray[np.int64]:
        """Return the places of those who were missed by the least, at most so many."""
        missed = np.flatnonzero(self.free & (self.margin < 0))
        return missed[np.argsort(-self.margin[missed], kind="stable")][:most]

    def days_until(self, issue: Issue, place: int, probability: float) -> float:
        """Return the expected days until it hurts: from a detector that can tell, else what is usual at this probability."""
        at = int(np.flatnonzero(self.places == place)[0])
        if not np.isnan(self.days[at]):
            return round(float(self.days[at]), 1)
        return days_until(issue, self.ready[self.by[at]].lags, probability)


def by_model(ready: Ready, seen: Seen) -> Probabilities:
    """Return what a detector says of every row, by its model in this process."""
    return ready.model.probability(numbers_of(seen.rows, ready.model.features), seen.half)


def choose(
    issue: Issue, ready: Sequence[Ready], seen: Seen, spoken_for: Collection[str], *, most: int,
    say: Callable[[Ready, Seen], Probabilities] = by_model,
) -> Chosen:  # fmt: skip
    """Take the most probable customers at or above a detector's level who are not spoken for, `most` at most.

    `say` gives a detector's probability of every row.
    """
    height = seen.rows.height
    best, by = np.full(height, -1.0), np.zeros(height, dtype=np.int64)
    above = np.zeros((height, len(ready)), dtype=bool)
    margin, learned = np.full(height, np.nan), np.full(height, np.nan)
    for n, one in enumerate(ready):
        probability = say(one, seen)
        spoken_of = one.model.speaks_of(numbers_of(seen.rows, one.model.features))
        above[:, n] = (probability >= one.level.flag_at) & spoken_of
        surer = above[:, n] & (probability > best)
        best[surer], by[surer] = probability[surer], n
        if one.kind.learns:
            scored = np.where(spoken_of, probability, np.nan)
            margin, learned = np.fmax(margin, scored - one.level.flag_at), np.fmax(learned, scored)
    free = ~seen.rows["customer_id"].is_in(list(spoken_for)).to_numpy()
    eligible = np.flatnonzero(above.any(axis=1) & free)
    ids = seen.rows["customer_id"].to_numpy()[eligible]
    ranked = eligible[np.lexsort((ids, -best[eligible]))]
    places = ranked[:most]
    margin = _within_capacity(margin, learned, best, ranked, most)
    return Chosen(ready, places, best[places], by[places], above[places], _days(ready, seen, places, by[places]), margin, free, learned)


def _within_capacity(
    margin: Probabilities, learned: Probabilities, best: Probabilities, ranked: NDArray[np.int64], most: int
) -> Probabilities:
    """Where more were above the level than capacity reaches, what it took lies between the last one taken and the first one left."""
    if len(ranked) <= most or not most:
        return margin
    bar = (best[ranked[most - 1]] + best[ranked[most]]) / 2
    margin = np.minimum(margin, learned - bar)
    left = ranked[most:]
    margin[left] = np.minimum(margin[left], -1e-9)  # a tie with the last one taken
    return margin


def _days(ready: Sequence[Ready], seen: Seen, places: NDArray[np.int64], by: NDArray[np.int64]) -> Probabilities:
    """Return the expected days from the detector that flags a customer, or else from any of the issue that can tell."""
    found = np.full((len(ready) + 1, len(places)), np.nan)
    for n, one in enumerate(ready) if len(places) else ():
        days = one.model.days_until(numbers_of(seen.rows[places], one.model.features), seen.half[places])
        if days is not None:
            found[n + 1] = days
    mine = found[by + 1, np.arange(len(places))]
    others = [found[n + 1] for n, one in enumerate(ready) if one.kind.learns]
    for days in others:
        mine = np.where(np.isnan(mine), days, mine)
    return mine
