"""What the bands say at a moment: each measure as one number a customer, made when it is asked for."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.clock import microseconds
from feature_store.engines import kernels
from feature_store.engines.bands import NEVER, Bands, Lane, Values
from feature_store.engines.kernels import MICROSECONDS_A_DAY
from feature_store.feature import Measure


class Readout(Mapping[Measure, Values]):
    """The measures as of the bands' moment, in their customers' order, NaN for one without a row; until it moves on."""

    def __init__(self, bands: Bands) -> None:
        """Add the slots up to windows."""
        self.wanted, self.moment = bands.wanted, bands.moment
        self._asked, self._size = set(bands.wanted.measures), len(bands.customers)
        self._slots = _new_slots(bands)
        self._counts = self._folded(bands.counts)
        self._sums = {lane: self._folded(cells[:, None, :]) for lane, cells in bands.sums.items()}
        self._absent = {lane: self._folded(cells[:, None, :]) for lane, cells in bands.absent.items() if cells.any()}
        self._extremes = {key: self._best(cells) for key, cells in bands.extremes.items()}
        self._bands = bands
        self._end = bands.segments.day(self.moment)

    def __getitem__(self, measure: Measure) -> Values:
        """Return one measure's values; raise KeyError for one that was not asked for."""
        if measure not in self._asked:
            raise KeyError(measure)
        how = {"count": self._count, "sum": self._sum, "mean": self._mean, "min": self._min, "max": self._max,
               "recency": self._recency, "last": self._newest_number, "distinct_days": self._distinct_days}  # fmt: skip
        return how[measure.aggregate](measure)

    def __iter__(self) -> Iterator[Measure]:
        """Go through the measures."""
        return iter(self.wanted.measures)

    def __len__(self) -> int:
        """Return how many measures there are."""
        return len(self.wanted.measures)

    def uncertain(self) -> NDArray[np.bool_]:
        """Return whose last number hangs on the order of rows at one instant."""
        marks = list(self._bands.tied.values())
        return np.logical_or.reduce(marks) if marks else np.zeros(self._size, dtype=np.bool_)

    def _folded(self, cells: NDArray[Any]) -> NDArray[Any]:
        """Return (window, row, customer) running totals of (slot, row, customer)."""
        kind = {"u": np.uint32}.get(cells.dtype.kind, cells.dtype)
        found = np.zeros((len(self.wanted.windows), *cells.shape[1:]), dtype=kind)
        for window, slots in enumerate(self._slots):
            if window:
                found[window] = found[window - 1]
            kernels.fold(cells, slots, found[window])
        return found

    def _best(self, cells: Values) -> Values:
        found = np.full((len(self.wanted.windows), self._size), -np.inf)
        for window, slots in enumerate(self._slots):
            best = [cells[slot] for slot in slots] + ([found[window - 1]] if window else [])
            found[window] = np.maximum.reduce(best)
        return found

    def _window(self, measure: Measure) -> int:
        return self.wanted.windows.index(measure.window_days or 0)

    def _rows(self, measure: Measure) -> NDArray[np.int64]:
        return np.flatnonzero(self.wanted.member(measure))

    def _lane(self, measure: Measure) -> Lane:
        return measure.column or "", self.wanted.member(measure)

    def _count(self, measure: Measure) -> Values:
        found = np.zeros(self._size)
        kernels.total(self._counts[self._window(measure)], self._rows(measure), found)
        return found

    def _present(self, measure: Measure) -> Values:
        found, absent = self._count(measure), self._absent.get(self._lane(measure))
        if absent is not None:
            found -= absent[self._window(measure), 0]
            found[found == 0] = np.nan
        return found

    def _sum(self, measure: Measure) -> Values:
        total = self._sums[self._lane(measure)][self._window(measure), 0]
        return np.where(np.isnan(self._present(measure)), np.nan, total)

    def _mean(self, measure: Measure) -> Values:
        return self._sums[self._lane(measure)][self._window(measure), 0] / self._present(measure)

    def _min(self, measure: Measure) -> Values:
        return -self._extreme(measure, -1.0)

    def _max(self, measure: Measure) -> Values:
        return self._extreme(measure, 1.0)

    def _extreme(self, measure: Measure, sign: float) -> Values:
        found = self._extremes[(*self._lane(measure), sign)][self._window(measure)]
        return np.where(np.isneginf(found), np.nan, found)

    def _recency(self, measure: Measure) -> Values:
        rows = self._rows(measure)
        newest = self._bands.newest
        newest = newest[rows[0]] if len(rows) == 1 else newest[rows].max(axis=0)
        return self._age(newest, measure) / MICROSECONDS_A_DAY

    def _newest_number(self, measure: Measure) -> Values:
        lane = self._lane(measure)
        return np.where(np.isnan(self._age(self._bands.last_at[lane], measure)), np.nan, self._bands.last[lane])

    def _age(self, at: NDArray[np.int64], measure: Measure) -> Values:
        """Return the age in microseconds, NaN where there is none or it lies before the window."""
        moment = microseconds(self.moment)
        oldest = NEVER + 1 if measure.window_days is None else moment - measure.window_days * MICROSECONDS_A_DAY
        return np.where(at < oldest, np.nan, moment - at)

    def _distinct_days(self, measure: Measure) -> Values:
        found = np.zeros(self._size)
        first = max(self._end - (measure.window_days or 0), 0)
        kernels.bits_within(self._bands.days[self._lane(measure)], first, self._end, found)
        return found


def _new_slots(bands: Bands) -> list[NDArray[np.int64]]:
    """Return, window by window, the slots that the next shorter window does not have."""
    found, seen = [], np.zeros(0, dtype=np.int64)
    for window in bands.wanted.windows:
        slots = bands.segments.within(bands.moment, window)
        found.append(np.setdiff1d(slots, seen))
        seen = slots
    return found
