"""What a detector is: named features in, a calibrated probability that one issue strikes out, and what moved it.

A kind of detector is one file with one constant DETECTOR. It turns labelled examples into a model; the model is plain
parts (numbers, and estimators that skops can store), so that it can be kept, checked and loaded again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detectors.issue import Issue
from feature_store.fingerprints import fingerprint

Numbers = NDArray[np.float32]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """Customers at risk on past days, their features as of that day, and whether the trouble struck in its window."""

    features: tuple[str, ...]
    cutoffs: tuple[date, ...]              # the past days, oldest first
    numbers: Numbers                       # (rows, features), NaN where missing
    struck: NDArray[np.bool_]
    lag_days: NDArray[np.float64]          # from the day to the strike, NaN where none
    weight: NDArray[np.float64]            # how many customers the row stands for
    cutoff: NDArray[np.int64]              # which of `cutoffs`
    unit: NDArray[np.int64]                # a number that stands for the contact unit
    exposed: NDArray[np.int64]             # customers at risk per cutoff, also those left out as intervened

    @property
    def half(self) -> NDArray[np.int64]:
        """Which half, 0 or 1, each row's contact unit belongs to, on every day."""
        return self.unit & 1

    def of(self, chosen: NDArray[np.bool_]) -> "Examples":
        """Return the chosen rows."""
        whole = {"features", "cutoffs", "exposed"}
        return Examples(**{f.name: getattr(self, f.name) if f.name in whole else getattr(self, f.name)[chosen]
                           for f in fields(self)})  # fmt: skip

    def and_also(self, later: "Examples") -> "Examples":
        """Return these rows followed by `later` ones of the same days and features."""
        whole = {"features", "cutoffs", "exposed"}
        return Examples(**{f.name: getattr(self, f.name) if f.name in whole else
                           np.concatenate([getattr(self, f.name), getattr(later, f.name)]) for f in fields(self)})  # fmt: skip


class Model(Protocol):
    """A fitted detector of one issue."""

    features: tuple[str, ...]

    def probability(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return each row's probability; `half` says which half of the contact units it belongs to."""
        ...

    def moved_by(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return how far each feature moved each row, (rows, features); above zero is towards trouble."""
        ...

    def parts(self) -> dict[str, Any]:
        """Return what the model is made of, for storing."""
        ...


class Detector(Protocol):
    """A kind of detector. `learns`: it needs examples before it can flag at all."""

    name: str
    learns: bool

    def fit(self, issue: Issue, train: Examples, calibrate: Examples) -> Model:
        """Learn from `train`, and from the later days of `calibrate` how sure to be."""
        ...

    def __hash__(self) -> int:
        """Tell kinds apart; each is one object a process."""
        ...

    def untrained(self, issue: Issue) -> Model | None:
        """Return the model that needs no examples, or None when there is none."""
        ...

    def restore(self, features: tuple[str, ...], parts: dict[str, Any]) -> Model:
        """Return the model that `parts` came from."""
        ...


def numbers_of(vectors: pl.DataFrame, features: Sequence[str]) -> Numbers:
    """Return the named features as one row-major array of 32-bit numbers, NaN where missing."""
    columns = vectors.select(pl.col(list(features)).cast(pl.Float32).fill_null(float("nan")))
    return np.ascontiguousarray(columns.to_numpy(), dtype=np.float32)


def unit_code(unit_ids: pl.Series) -> NDArray[np.int64]:
    """Return a number for each contact unit that is the same on every machine and day."""
    return fingerprint(unit_ids).to_numpy()


def drawn(rows: NDArray[np.int64], most: int, weight: Probabilities) -> NDArray[np.int64]:
    """Return about as many rows as they weigh, `most` at most, evenly along their order; a heavy row comes repeatedly."""
    reached = np.cumsum(weight[rows])
    if not len(rows):
        return rows
    step = max(reached[-1] / most, 1.0)
    return rows[np.minimum(np.searchsorted(reached, np.arange(step / 2, reached[-1], step)), len(rows) - 1)]
