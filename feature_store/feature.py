"""What a feature is: a declaration that any engine can compute, never a free-hand query.

A measure says *what* of *which rows* over *which window*; a ratio, trend, share or peer rank is arithmetic on measures.
How it is computed (in one pass, on one machine, on a cluster) is an engine's business, so every path gives the same number.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from core.errors import ConfigError, LookaheadError
from feature_store.measure import OF_A_COLUMN, ZERO_WHEN_NO_ROW, Aggregate, Measure, as_plain, from_plain

__all__ = [
    "OF_A_COLUMN", "ZERO_WHEN_NO_ROW", "Aggregate", "Feature", "Measure", "Peer", "Ratio", "Share", "Trend", "declaration",
    "definitions_hash", "describe", "from_declaration", "longer", "measures",
]  # fmt: skip


@dataclass(frozen=True)
class Ratio:
    """One measure divided by another; missing where the second is missing or zero."""

    over: Measure
    under: Measure


@dataclass(frozen=True)
class Trend:
    """A measure's pace per day in its own window divided by its pace over the longer `against_days`; 1 is steady.

    The own window of a measure `since` an anchor is the time since then, a day at the least.
    """

    of: Measure
    against_days: int

    def __post_init__(self) -> None:
        """Refuse a comparison that reaches past the moment."""
        if self.against_days < 1:
            raise LookaheadError(f"Trend of {self.of.source}: against_days is {self.against_days}. It lies before the as-of moment.")


@dataclass(frozen=True)
class Share:
    """What part of the source's count or sum in the window is of the measure's kind; missing where there is nothing at all."""

    of: Measure

    def __post_init__(self) -> None:
        """Refuse what has no whole to be a part of."""
        if self.of.aggregate not in ("count", "sum") or self.of.kind is None:
            raise ConfigError(f"Share of {self.of.source}: it is of {self.of.aggregate}. Give a count or sum of one kind.")

    @property
    def whole(self) -> Measure:
        """The same of all kinds."""
        return replace(self.of, kind=None)


@dataclass(frozen=True)
class Peer:
    """The percentile, 0 to 1, of a number among the customers with the same newest `column` of the source `source`.

    The part of the peers who are below, those who are equal (to six decimals) counted half. Where nothing happened a
    count or sum is 0 and ranked; missing for a customer without a number, or whose group is unknown.
    """

    of: "Measure | Ratio | Trend | Share"
    source: str
    column: str

    @property
    def group(self) -> Measure:
        """The measure that says who is a peer."""
        return Measure(self.source, "category", column=self.column)


What = Measure | Ratio | Trend | Share | Peer


@dataclass(frozen=True)
class Feature:
    """A named measure, ratio, trend, share or peer rank, and what its absence means.

    `empty` is the value of a customer with no such row (None: missing). `description` completes "<number> ..." in
    the sentence a person reads; without one it is worded from the declaration.
    """

    name: str
    measure: What
    empty: float | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no number."""
        if isinstance(self.measure, Measure) and self.measure.aggregate == "category":
            raise ConfigError(f"Feature {self.name}: a category is a text. Use last with equals, or name it in a Peer.")


def measures(feature: Feature) -> tuple[Measure, ...]:
    """Return the plain measures `feature` is made of, first the one it is mainly about."""
    return _measures(feature.measure)


def _measures(what: What) -> tuple[Measure, ...]:
    if isinstance(what, Peer):
        return *_measures(what.of), what.group
    if isinstance(what, Ratio):
        return with_anchors(what.over, what.under)
    if isinstance(what, Trend):
        return with_anchors(what.of, longer(what))
    if isinstance(what, Share):
        return with_anchors(what.of, what.whole)
    return with_anchors(what)


def with_anchors(*plain: Measure) -> tuple[Measure, ...]:
    """Return the measures, and after them the recencies that they begin at."""
    return (*plain, *dict.fromkeys(m.since for m in plain if m.since is not None))


def longer(trend: Trend) -> Measure:
    """Return the measure a trend is held against: the same rows over the longer window, whatever it begins at."""
    return replace(trend.of, window_days=trend.against_days, since=None)


def declaration(feature: Feature) -> dict[str, Any]:
    """Return everything the feature's numbers depend on, as plain JSON values."""
    return {"name": feature.name, **_plain(feature.measure), "empty": feature.empty}


def _plain(what: What) -> dict[str, Any]:
    if isinstance(what, Peer):
        return {"peer": {"of": _plain(what.of), "source": what.source, "column": what.column}}
    if isinstance(what, Ratio):
        return {"ratio": {"over": as_plain(what.over), "under": as_plain(what.under)}}
    if isinstance(what, Trend):
        return {"trend": {"of": as_plain(what.of), "against_days": what.against_days}}
    if isinstance(what, Share):
        return {"share": {"of": as_plain(what.of)}}
    return {"measure": as_plain(what)}


def from_declaration(stored: dict[str, Any]) -> Feature:
    """Return the feature that `declaration` (with an optional description) was made from."""
    return Feature(stored["name"], _what(stored), stored["empty"], stored.get("description"))


def _what(stored: dict[str, Any]) -> Any:
    if "peer" in stored:
        return Peer(_what(stored["peer"]["of"]), stored["peer"]["source"], stored["peer"]["column"])
    if "ratio" in stored:
        return Ratio(from_plain(stored["ratio"]["over"]), from_plain(stored["ratio"]["under"]))
    if "trend" in stored:
        return Trend(from_plain(stored["trend"]["of"]), stored["trend"]["against_days"])
    if "share" in stored:
        return Share(from_plain(stored["share"]["of"]))
    return from_plain(stored["measure"])


def definitions_hash(features: Iterable[Feature]) -> str:
    """Return 12 hexadecimal digits that change when any feature is added, dropped or computed differently."""
    listed = sorted((declaration(f) for f in features), key=lambda d: d["name"])
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()[:12]


def describe(feature: Feature) -> str:
    """Say in plain words what the number counts, so that "<number> <these words>" reads as English."""
    from feature_store.words import in_words

    return feature.description or in_words(feature.measure)
