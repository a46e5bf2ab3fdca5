"""What the measures of one source need: which kinds, columns and windows; which of them the bands can give."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store.feature import Measure

FAST = ("count", "sum", "mean", "min", "max", "last", "recency", "distinct_days")
Member = tuple[bool, ...]  # for each kind that a measure names, and for all the rest: whether its rows count


def is_fast(measure: Measure, moments: Iterable[datetime], kinds: Mapping[str, pl.DataType]) -> bool:
    """Whether the bands give this measure of columns of these kinds; the exact engine takes the others."""
    if measure.aggregate not in FAST or measure.equals is not None:
        return False
    if measure.column is not None and not _is_number(kinds.get(measure.column)):
        return False
    return measure.aggregate != "distinct_days" or all(m.timestamp() % 86_400 == 0 for m in moments)


def _is_number(kind: pl.DataType | None) -> bool:
    return kind is not None and (kind.is_numeric() or kind == pl.Boolean)


@dataclass(frozen=True)
class Wanted:
    """The measures of one source that are asked for together."""

    measures: tuple[Measure, ...]

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Every kind that any measure names, sorted; the code of all others, and of none, is one more."""
        return tuple(sorted({k for m in self.measures for k in (m.kind, *m.other_than) if k is not None}))

    @cached_property
    def windows(self) -> tuple[int, ...]:
        """Every window in days, shortest first."""
        return tuple(sorted({m.window_days for m in self.measures if m.window_days}))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The number columns."""
        return tuple(sorted({m.column for m in self.measures if m.column is not None}))

    def member(self, measure: Measure) -> Member:
        """Return which kinds the measure is about, the rest last."""
        if measure.kind is not None:
            return tuple(kind == measure.kind for kind in (*self.kinds, None))
        return tuple(kind not in measure.other_than for kind in (*self.kinds, None))

    def lanes(self, *aggregates: str) -> list[tuple[str, Member]]:
        """Return each (column, kinds) that some measure of these aggregates needs once."""
        return sorted({(m.column or "", self.member(m)) for m in self.measures if m.aggregate in aggregates})

    def code(self, names: list[str | None]) -> NDArray[np.uint8]:
        """Return each name's number among the kinds."""
        known = {kind: n for n, kind in enumerate(self.kinds)}
        return np.array([known.get(name or "", len(known)) for name in names], dtype=np.uint8)
