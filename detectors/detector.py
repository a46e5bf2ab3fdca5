"""What a detector is: named features in, a calibrated probability that one issue strikes out, and what moved it.

A kind of detector is one file with one constant DETECTOR, a scikit-learn estimator whose parameters are what an issue's
file may tune. It turns labelled examples into a model; the model is plain parts (numbers, and estimators that skops can
store), so that it can be kept, checked and loaded again.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError, create_model
from sklearn.base import BaseEstimator, clone

from core.errors import ConfigError, unknown_name
from core.settings import Settings
from core.strict import Strict
from detectors.condition import parse
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
        return self.of_rows(np.flatnonzero(chosen))

    def of_rows(self, chosen: NDArray[np.int64]) -> "Examples":
        """Return the rows of these numbers, in this order."""
        whole = {"features", "cutoffs", "exposed"}
        return Examples(**{f.name: getattr(self, f.name) if f.name in whole else getattr(self, f.name)[chosen]
                           for f in fields(self)})  # fmt: skip

    def and_also(self, later: "Examples") -> "Examples":
        """Return these rows followed by `later` ones of the same days and features."""
        whole = ("features", "cutoffs", "exposed")
        rows: dict[str, Any] = {f.name: np.concatenate([getattr(self, f.name), getattr(later, f.name)])
                                for f in fields(self) if f.name not in whole}  # fmt: skip
        return replace(self, **rows)

    def seeing(self, names: Sequence[str]) -> "Examples":
        """Return the same rows with only the named features."""
        if list(names) == list(self.features):
            return self
        at = [self.features.index(name) for name in names]
        return replace(self, features=tuple(names), numbers=np.ascontiguousarray(self.numbers[:, at]))


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

    def days_until(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities | None:
        """Return each row's expected days until it hurts, if it does within the horizon; None where the kind cannot tell."""
        return None

    def speaks_of(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Return the rows it may flag at all; the others' probability is only what is usual."""
        return np.ones(len(numbers), dtype=bool)

    def said(self, customer: Mapping[str, Any]) -> list[str]:
        """Return what the detector itself says of a customer's row, before the sentences about the features."""
        return []

    @property
    def proven(self) -> bool:
        """Whether past cases were enough to know how often it is right."""
        return True


class Detector(BaseEstimator):
    """A kind of detector. `learns`: it needs examples before it can flag at all.

    Its parameters are those of its `__init__`, read from the issue's file as `[detectors.<kind>]`.
    """

    name: ClassVar[str]
    learns: ClassVar[bool] = True

    def fit(self, issue: Issue, train: Examples, calibrate: Examples) -> Model:
        """Learn from `train`, and from the later days of `calibrate` how sure to be."""
        raise NotImplementedError

    def untrained(self, issue: Issue) -> Model | None:
        """Return the model that needs no examples, or None when there is none."""
        return None

    def restore(self, features: tuple[str, ...], parts: dict[str, Any]) -> Model:
        """Return the model that `parts` came from."""
        raise NotImplementedError

    def looks_at(self) -> dict[str, tuple[str, ...]]:
        """Return, per parameter, the names of the features it was told to look at."""
        return {}

    def signs(self, settings: Settings, moment: datetime) -> pl.DataFrame | None:
        """Return customer_id and own columns as known at a moment, where the vectors do not say enough; else None."""
        return None

    def check(self, where: str, issue: Issue) -> None:
        """Raise ConfigError that starts with `where` when the parameters do not fit together or the issue."""

    def tuned(self, where: str, stated: Mapping[str, Any]) -> Self:
        """Return the kind with parameters from a file; raise ConfigError that names file, key and the nearest valid one."""
        known = inspect.signature(type(self).__init__).parameters.values()
        shape = {p.name: (p.annotation, p.default) for p in known if p.name != "self" and p.kind is not p.VAR_POSITIONAL
                 and p.kind is not p.VAR_KEYWORD}  # fmt: skip
        for key in stated:
            if key not in shape:
                raise ConfigError(unknown_name(where, "key", key, shape))
        try:
            read: Any = create_model(type(self).__name__, __base__=Strict, **shape)(**stated)  # type: ignore[call-overload]
        except ValidationError as error:
            problem = error.errors()[0]
            key = ".".join(str(part) for part in problem["loc"])
            raise ConfigError(f"{where}.{key}: {problem['msg']}, got {problem['input']!r}.") from error
        return clone(self).set_params(**{key: getattr(read, key) for key in stated})


def conditions(where: str, texts: Sequence[str]) -> tuple[str, ...]:
    """Return the features that written conditions are about; raise ConfigError for one that cannot be read."""
    try:
        return tuple(parse(text).feature for text in texts)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}.") from error


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
