"""What a feature is: a declaration that any engine can compute, never a free-hand query.

A measure says *what* of *which rows* over *which window*; a ratio or a trend is arithmetic on measures. How it is
computed (in one pass, on one machine, on a cluster) is an engine's business, so every path gives the same number.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from core.errors import ConfigError, LookaheadError, unknown_name

Aggregate = Literal["count", "sum", "mean", "min", "max", "last", "distinct_days", "recency", "tenure"]
OF_A_COLUMN = {"sum", "mean", "min", "max", "last"}
ZERO_WHEN_NO_ROW = {"count", "sum", "distinct_days"}  # inside a ratio or trend, where nothing adds up to nothing
WITHOUT_WINDOW = {"last", "recency", "tenure"}


@dataclass(frozen=True)
class Measure:
    """One aggregate of one source's rows per customer, over the `window_days` before the as-of moment.

    `kind` narrows the rows to one kind, `other_than` to every kind but those. Without `window_days` all known rows
    count (attributes). `recency` is days, with their fraction, since the newest row; `tenure` since the first event of
    the source that was ever recorded about the customer (see feature_store.roster). With `equals`, `last` is 1 where the newest value is that text, else 0.
    """

    source: str
    aggregate: Aggregate
    window_days: int | None = None
    column: str | None = None
    kind: str | None = None
    other_than: tuple[str, ...] = ()
    equals: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be computed, and any window that reaches past the as-of moment."""
        where = f"Measure of {self.source}"
        if self.aggregate not in get_args(Aggregate):
            raise ConfigError(unknown_name(where, "aggregate", self.aggregate, get_args(Aggregate)))
        if self.window_days is not None and self.window_days < 1:
            raise LookaheadError(f"{where}: window_days is {self.window_days}. A window lies before the as-of moment.")
        if self.window_days is None and self.aggregate not in WITHOUT_WINDOW:
            raise ConfigError(f"{where}: {self.aggregate} needs window_days.")
        if (self.column is None) == (self.aggregate in OF_A_COLUMN):
            needs = "needs a column" if self.column is None else f"takes no column, got {self.column!r}"
            raise ConfigError(f"{where}: {self.aggregate} {needs}.")


@dataclass(frozen=True)
class Ratio:
    """One measure divided by another; missing where the second is missing or zero."""

    over: Measure
    under: Measure


@dataclass(frozen=True)
class Trend:
    """A measure's pace per day in its own window divided by its pace over the longer `against_days`; 1 is steady."""

    of: Measure
    against_days: int


@dataclass(frozen=True)
class Feature:
    """A named measure, ratio or trend, and what its absence means.

    `empty` is the value of a customer with no such row (None: missing). `description` completes "<number> ..." in
    the sentence a person reads; without one it is worded from the declaration.
    """

    name: str
    measure: Measure | Ratio | Trend
    empty: float | None = None
    description: str | None = None


def measures(feature: Feature) -> tuple[Measure, ...]:
    """Return the plain measures `feature` is made of, first the one it is mainly about."""
    what = feature.measure
    if isinstance(what, Ratio):
        return what.over, what.under
    if isinstance(what, Trend):
        return what.of, longer(what)
    return (what,)


def longer(trend: Trend) -> Measure:
    """Return the measure a trend is held against: the same rows over the longer window."""
    return Measure(**{**asdict(trend.of), "window_days": trend.against_days})


def declaration(feature: Feature) -> dict[str, Any]:
    """Return everything the feature's numbers depend on, as plain JSON values."""
    kind = type(feature.measure).__name__.lower()
    return {"name": feature.name, kind: asdict(feature.measure), "empty": feature.empty}


def from_declaration(stored: dict[str, Any]) -> Feature:
    """Return the feature that `declaration` (with an optional description) was made from."""
    what: Measure | Ratio | Trend
    if "ratio" in stored:
        what = Ratio(_measure(stored["ratio"]["over"]), _measure(stored["ratio"]["under"]))
    elif "trend" in stored:
        what = Trend(_measure(stored["trend"]["of"]), stored["trend"]["against_days"])
    else:
        what = _measure(stored["measure"])
    return Feature(stored["name"], what, stored["empty"], stored.get("description"))


def _measure(stored: dict[str, Any]) -> Measure:
    return Measure(**{**stored, "other_than": tuple(stored["other_than"])})


def definitions_hash(features: Iterable[Feature]) -> str:
    """Return 12 hexadecimal digits that change when any feature is added, dropped or computed differently."""
    listed = sorted((declaration(f) for f in features), key=lambda d: d["name"])
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()[:12]


def describe(feature: Feature) -> str:
    """Say in plain words what the number counts, so that "<number> <these words>" reads as English."""
    if feature.description:
        return feature.description
    what = feature.measure
    if isinstance(what, Trend):
        return f"times the usual pace of {_rows(what.of)} (last {what.of.window_days} days against {what.against_days})"
    if isinstance(what, Ratio):
        return f"{_in_words(what.over)} for each of {_in_words(what.under)}"
    return _in_words(what)


def _in_words(measure: Measure) -> str:
    column, rows = _plain((measure.column or "").removesuffix("_cents")), _rows(measure)
    within = f" in {measure.window_days} {'day' if measure.window_days == 1 else 'days'}" if measure.window_days else ""
    words = {
        "count": f"{rows}{within}",
        "sum": f"{column} in total from {rows}{within}",
        "mean": f"{column} on average from {rows}{within}",
        "min": f"{column} at the least from {rows}{within}",
        "max": f"{column} at the most from {rows}{within}",
        "last": f"{column} at the last of {rows}",
        "distinct_days": f"days with {rows}{within}",
        "recency": f"days since the last of {rows}",
        "tenure": f"days since the first of {rows}",
    }
    if measure.equals is not None:
        return f"{column} is {measure.equals}"
    return column if measure.aggregate == "last" and not within else words[measure.aggregate]


def _rows(measure: Measure) -> str:
    if measure.other_than:
        return f"other {_plain(measure.source)} events"
    return f"{_plain(measure.kind or measure.source)} events"


def _plain(name: str) -> str:
    return name.replace("_", " ")
