"""The engine for one machine: Polars reads each source once, dense arrays add its rows up in disjoint bands of days.

The windows' edges cut the past into bands (0-1, 1-7, 7-28, 28-90 days, ...); every row falls into one cell of
(kind, band, customer), and a window is the running total of its bands. Counts of below 2**53 are exact.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.errors import LookaheadError
from feature_store.feature import Measure

MICROSECONDS_A_DAY = 86_400_000_000
Values = NDArray[np.float64]
Cells = NDArray[np.int64]


class Tally:
    """One source's known rows as of a moment, and the plain measures over them, one value per customer."""

    def __init__(
        self, source: str, rows: pl.LazyFrame, wanted: Sequence[Measure], moment: datetime, customers: pl.Series
    ) -> None:
        """Read the columns that `wanted` needs; raise LookaheadError when a row is from the moment or later."""
        self.source, self.wanted, self.size = source, list(wanted), len(customers)
        self.kinds = sorted({k for m in wanted for k in (m.kind, *m.other_than) if k is not None})
        self.edges = np.array(sorted({m.window_days for m in wanted if m.window_days}), dtype=np.int64)
        self.rows = _read(source, rows, self.wanted, moment)
        self.age = _microseconds(moment) - self.rows["occurred_at"].dt.epoch("us").to_numpy()
        self._kept: dict[Any, Any] = {}  # what several measures share: cubes, totals, columns, newest ages, days
        self.customer = self.rows["customer_id"].cast(pl.Enum(customers)).to_physical().to_numpy().astype(np.int64)

    def values(self) -> dict[Measure, Values]:
        """Return every wanted measure, NaN for a customer without a row for it."""
        by_name: dict[str, Callable[[Measure], Values]] = {
            "count": self._count,
            "sum": self._sum,
            "mean": self._mean,
            "min": lambda m: self._extreme(m, np.minimum),
            "max": lambda m: self._extreme(m, np.maximum),
            "last": self._last,
            "recency": self._recency,
            "distinct_days": self._distinct_days,
        }
        return {m: by_name[m.aggregate](m) for m in self.wanted}

    @cached_property
    def _kind(self) -> Cells:
        """The number of each row's kind among those any measure names; one more for all the rest."""
        if not self.kinds:
            return np.zeros(len(self.rows), dtype=np.int64)
        named = self.rows["kind"].cast(pl.Enum(self.kinds), strict=False).to_physical()
        return named.fill_null(len(self.kinds)).to_numpy().astype(np.int64)

    @cached_property
    def _cell(self) -> Cells:
        """Each row's (kind, band, customer) as one number; a row exactly one window old is still inside it."""
        band = np.searchsorted(self.edges * MICROSECONDS_A_DAY, self.age, side="left")
        return (self._kind * self._bands + band) * self.size + self.customer

    @property
    def _bands(self) -> int:
        return len(self.edges) + 1

    def _chosen(self, measure: Measure) -> list[int]:
        """Return the numbers of the kinds a measure is about."""
        if measure.kind is not None:
            return [self.kinds.index(measure.kind)]
        return [n for n, kind in enumerate([*self.kinds, None]) if kind not in measure.other_than]

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def _total(self, name: str, measure: Measure, make: Callable[[], Any]) -> Values:
        """Add up the cube `name` over the measure's kinds and the bands of its window."""
        cube, chosen = self._once(name, lambda: self._cube(make())), self._chosen(measure)
        last = int(np.searchsorted(self.edges, measure.window_days or np.iinfo(np.int64).max))
        return self._once((name, tuple(chosen), last), lambda: cube[chosen, last].sum(axis=0).astype(np.float64))

    def _cube(self, flat: NDArray[Any]) -> NDArray[Any]:
        """Return (kind, band, customer) running totals, so that the last band of a window holds the whole of it."""
        cube = flat.reshape(len(self.kinds) + 1, self._bands, self.size)
        return np.cumsum(cube, axis=1, out=cube)

    def _cells(self) -> int:
        return (len(self.kinds) + 1) * self._bands * self.size

    def _count(self, measure: Measure) -> Values:
        found = self._total("rows", measure, lambda: np.bincount(self._cell, minlength=self._cells()))
        return _missing_where(found == 0, found)

    def _numbers(self, column: str) -> tuple[Values, NDArray[np.bool_]]:
        """Return a column's numbers and where it has one; not-a-number counts as none."""
        make = lambda: self.rows[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        numbers = self._once(f"column {column}", make)
        return numbers, self._once(f"there {column}", lambda: ~np.isnan(numbers))

    def _present(self, measure: Measure) -> Values:
        _, there = self._numbers(str(measure.column))
        make = lambda: np.bincount(self._cell[there], minlength=self._cells())
        return self._total(f"present {measure.column}", measure, make)

    def _added(self, measure: Measure) -> Values:
        numbers, there = self._numbers(str(measure.column))
        make = lambda: np.bincount(self._cell[there], numbers[there], minlength=self._cells())
        return self._total(f"sum {measure.column}", measure, make)

    def _sum(self, measure: Measure) -> Values:
        return _missing_where(self._present(measure) == 0, self._added(measure))

    def _mean(self, measure: Measure) -> Values:
        many = self._present(measure)
        return _missing_where(many == 0, self._added(measure)) / np.maximum(many, 1)

    def _extreme(self, measure: Measure, better: np.ufunc) -> Values:
        numbers, there = self._numbers(str(measure.column))
        chosen = there & self._rows_of(measure)
        worst = np.inf if better is np.minimum else -np.inf
        found = np.full(self.size, worst)
        better.at(found, self.customer[chosen], numbers[chosen])
        return _missing_where(np.isinf(found), found)

    def _rows_of(self, measure: Measure) -> NDArray[np.bool_]:
        """Return which rows are of the measure's kinds and inside its window."""
        inside = np.ones(len(self.age), dtype=bool)
        if measure.window_days is not None:
            inside &= self.age <= measure.window_days * MICROSECONDS_A_DAY
        if measure.kind is not None or measure.other_than:
            inside &= np.isin(self._kind, self._chosen(measure))
        return inside

    def _youngest(self, measure: Measure) -> Values:
        """Return the age in microseconds of each customer's newest row of the measure's kinds, infinite if none."""
        return self._once("youngest", self._youngest_by_kind)[self._chosen(measure)].min(axis=0)

    def _youngest_by_kind(self) -> Values:
        ages = np.full((len(self.kinds) + 1) * self.size, np.inf)
        np.minimum.at(ages, self._kind * self.size + self.customer, self.age.astype(np.float64))
        return ages.reshape(len(self.kinds) + 1, self.size)

    def _recency(self, measure: Measure) -> Values:
        youngest = self._youngest(measure)
        limit = np.inf if measure.window_days is None else measure.window_days * MICROSECONDS_A_DAY
        return _missing_where(np.isinf(youngest) | (youngest > limit), youngest) / MICROSECONDS_A_DAY

    def _last(self, measure: Measure) -> Values:
        """Return the newest value; of rows at one instant the one recorded last, then the greatest event_id."""
        column = self.rows[str(measure.column)]
        there = (column.is_not_null() & column.is_not_nan() if column.dtype.is_float() else column.is_not_null())
        row = self._last_row(there.to_numpy() & self._rows_of(measure))
        newest = column.gather(np.maximum(row, 0)) if len(column) else pl.Series([None] * self.size, dtype=column.dtype)
        if measure.equals is not None:
            newest = newest == measure.equals
        return _missing_where(row < 0, newest.cast(pl.Float64).fill_null(float("nan")).to_numpy())

    def _last_row(self, chosen: NDArray[np.bool_]) -> Cells:
        """Return the number of each customer's newest chosen row, -1 where there is none."""
        youngest = np.full(self.size, np.iinfo(np.int64).max)
        np.minimum.at(youngest, self.customer[chosen], self.age[chosen])
        newest = np.flatnonzero(chosen & (self.age == youngest[self.customer]))
        row = np.full(self.size, -1, dtype=np.int64)
        row[self.customer[newest]] = newest
        tied = newest[np.bincount(self.customer[newest], minlength=self.size)[self.customer[newest]] > 1]
        order = np.argsort(self.rows[tied].select(pl.struct("recorded_at", "event_id").rank("ordinal")).to_series().to_numpy())
        row[self.customer[tied[order]]] = tied[order]
        return row

    def _distinct_days(self, measure: Measure) -> Values:
        """Count days in UTC; one the window cuts in two counts when a row stands in its inner part."""
        everywhen = replace(measure, aggregate="recency", window_days=None)
        days = self._once(("days", everywhen), lambda: self._days_by_band(self._rows_of(everywhen)))
        found = days[int(np.searchsorted(self.edges, measure.window_days or 0))]
        return _missing_where(found == 0, found)

    def _days_by_band(self, chosen: NDArray[np.bool_]) -> Values:
        """Return (band, customer) running totals of days, each day in the band of its newest row."""
        chosen = chosen & (self.age <= self.edges[-1] * MICROSECONDS_A_DAY)
        band = np.searchsorted(self.edges * MICROSECONDS_A_DAY, self.age[chosen], side="left").astype(np.uint8)
        day = self.rows["occurred_at"].dt.epoch("d").to_numpy()[chosen].astype(np.int64)
        first = day.min(initial=day[0] if len(day) else 0)
        days = int(day.max(initial=first) - first) + 1
        newest = np.full(days * self.size, self._bands, dtype=np.uint8)
        np.minimum.at(newest, (day - first) * self.size + self.customer[chosen], band)
        by_day = newest.reshape(days, self.size)
        return np.cumsum([np.count_nonzero(by_day == b, axis=0) for b in range(len(self.edges))], axis=0)


def _read(source: str, rows: pl.LazyFrame, wanted: Sequence[Measure], moment: datetime) -> pl.DataFrame:
    """Collect the columns needed, and see that nothing in them is from the moment or later."""
    columns: dict[str, Any] = dict.fromkeys(["customer_id", "occurred_at", "recorded_at"])
    if any(m.kind is not None or m.other_than for m in wanted):
        columns["kind"] = None
    if any(m.aggregate == "last" for m in wanted):
        columns["event_id"] = None
    columns |= dict.fromkeys(m.column for m in wanted if m.column is not None)
    read = rows.select(list(columns)).collect()
    late = read.select(pl.max_horizontal(pl.col("occurred_at").max(), pl.col("recorded_at").max())).item()
    if late is not None and late >= moment:
        raise LookaheadError(f"{source}: a row of {late.isoformat()} was offered to features as of {moment.isoformat()}.")
    return read


def _microseconds(moment: datetime) -> int:
    return int(pl.Series([moment]).dt.epoch("us").item())


def _missing_where(missing: NDArray[np.bool_], values: NDArray[Any]) -> Values:
    return np.where(missing, np.nan, values)
