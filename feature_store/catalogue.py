"""The catalogue of features: what each is, where it comes from, how it is computed, and how its numbers move.

Drift is an effect size, so that it does not cry at every large sample: Cliff's delta of the numbers (the chance that a
later one is larger less the chance that it is smaller; Romano and others, 2006: 0.147 small, 0.33 medium, 0.474 large),
and Cohen's h of the share without a number (Cohen, 1988: 0.2, 0.5, 0.8). Below LEAST values nothing is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import asin, sqrt
from typing import Any

import numpy as np
import polars as pl

from core.settings import Settings
from feature_store.build import place, read
from feature_store.engines import split
from feature_store.feature import Feature, describe, measures
from feature_store.feature_set import FeatureSet

LEAST = 200          # values on either side before drift is said
MOST = 20_000        # values drawn of a side, evenly
OF_NUMBERS = ((0.474, "large"), (0.33, "medium"), (0.147, "small"))
OF_NULLS = ((0.8, "large"), (0.5, "medium"), (0.2, "small"))
LEVELS = ("too few", "none", "small", "medium", "large")


@dataclass(frozen=True)
class Entry:
    """One feature's line in the catalogue."""

    name: str
    description: str
    sources: tuple[str, ...]
    window_days: int | None      # the widest; None: everything known
    how: str                     # fast | exact
    empty: float | None          # what absence counts as; None: missing

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**self.__dict__, "sources": list(self.sources)}


def entry(feature: Feature) -> Entry:
    """Return a feature's line."""
    plain = measures(feature)
    widest = [m.window_days for m in plain if m.aggregate not in ("tenure", "category")]
    window = None if None in widest or not widest else max(days for days in widest if days is not None)
    sources = tuple(dict.fromkeys(m.source for m in plain))
    return Entry(feature.name, describe(feature), sources, window, "exact" if split(plain)[1] else "fast", feature.empty)


def stored_days(settings: Settings, frozen: FeatureSet) -> list[date]:
    """Return the days whose vectors are kept in a feature set, oldest first."""
    folder = settings.root.joinpath("vectors", frozen.version)
    return sorted(date.fromisoformat(path.name.removesuffix(".parquet")) for path in folder.glob("????-??-??.parquet"))


def moved(settings: Settings, frozen: FeatureSet, day: date, training: Sequence[date]) -> list[dict[str, Any]]:
    """Return per feature the share without a number on `day`, and how far it moved from the vectors of the training days."""
    now = read(place(settings, day, frozen))
    then = [_drawn(read(place(settings, each, frozen)), MOST // len(training)) for each in training]
    before = pl.concat(then) if then else now.clear()
    return [{"name": name, **drift(before[name], now[name])} for name in frozen.names]


def drift(before: pl.Series, after: pl.Series) -> dict[str, Any]:
    """Return null rates, effect sizes and their level in words: too few, none, small, medium, large."""
    nulls = [float(s.null_count() / len(s)) if len(s) else None for s in (before, after)]
    facts: dict[str, Any] = {"n": len(after), "null_rate": nulls[1], "null_rate_in_training": nulls[0]}
    if min(len(before), len(after)) < LEAST:
        return {**facts, "delta": None, "h": None, "drift": "too few"}
    h = abs(2 * asin(sqrt(nulls[0] or 0)) - 2 * asin(sqrt(nulls[1] or 0)))
    old, new = (_even(s.drop_nulls().to_numpy(), MOST) for s in (before, after))
    delta = cliffs_delta(new, old) if min(len(old), len(new)) >= LEAST else None
    levels = [_level(h, OF_NULLS), *([_level(abs(delta), OF_NUMBERS)] if delta is not None else [])]
    return {**facts, "delta": delta, "h": h, "drift": max(levels, key=LEVELS.index)}


def cliffs_delta(one: np.ndarray, other: np.ndarray) -> float:
    """Return P(a value of `one` is larger) less P(it is smaller), from -1 to 1."""
    ranked = np.sort(other)
    below, upto = np.searchsorted(ranked, one, side="left"), np.searchsorted(ranked, one, side="right")
    return float((below.sum() - (len(other) - upto).sum()) / (len(one) * len(other)))


def _level(size: float, limits: tuple[tuple[float, str], ...]) -> str:
    return next((word for limit, word in limits if size >= limit), "none")


def _drawn(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    return rows.gather_every(max(1, rows.height // max(most, 1)))


def _even(values: np.ndarray, most: int) -> np.ndarray:
    return values[:: max(1, len(values) // most)]
