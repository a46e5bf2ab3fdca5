"""Segments: the days between the windows' edges at all moments asked for, each with a slot while some window reaches it."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.clock import microseconds
from feature_store.engines.kernels import MICROSECONDS_A_DAY


class Segments:
    """Which slot a day's rows belong to, for windows (in days) that end at moments, oldest first.

    The edges (0-1, 1-7, 7-28, 28-90 days ... before each moment) cut the past; `origin`, in microseconds since 1970, begins
    day 0, and `slot_of_day` is -1 where no window reaches.
    """

    def __init__(self, moments: Sequence[datetime], windows: Sequence[int]) -> None:
        """Lay the segments out. Raise ValueError for moments at different times of day."""
        self.reach = max(windows, default=0)
        self.origin = microseconds(moments[0]) - self.reach * MICROSECONDS_A_DAY
        if any((microseconds(m) - self.origin) % MICROSECONDS_A_DAY for m in moments):
            raise ValueError("The moments of one pass must have the same time of day.")
        ends = [self.day(m) for m in moments]
        self._edges = sorted({end - w for end in ends for w in (0, *windows)})
        self.slots = max(max(sum(end - self.reach <= edge < end for edge in self._edges), 1) for end in ends)
        self.slot_of_day = np.full(ends[-1], -1, dtype=np.int16)

    def day(self, moment: datetime) -> int:
        """Return how many whole days after the origin a moment lies."""
        return (microseconds(moment) - self.origin) // MICROSECONDS_A_DAY

    def open(self, moment: datetime) -> set[int]:
        """Move on to a moment; return the slots that no window reaches any more, which segments that end by it take over."""
        end = self.day(moment)
        gone = self.slot_of_day[: max(end - self.reach, 0)]
        left: set[int] = set(gone[gone >= 0].tolist())
        gone[:] = -1
        free = sorted(set(range(self.slots)) - set(self.slot_of_day.tolist()))
        for first, after in zip(self._edges, [*self._edges[1:], end], strict=True):
            if max(end - self.reach, 0) <= first < end and self.slot_of_day[first] < 0:
                self.slot_of_day[first:after] = free.pop(0)
        return left

    def within(self, moment: datetime, window_days: int) -> NDArray[np.int64]:
        """Return the slots of a window before a moment."""
        end = self.day(moment)
        return np.unique(self.slot_of_day[max(end - window_days, 0) : end]).astype(np.int64)

    def days_that_move(self, later: "Segments") -> NDArray[np.int64]:
        """Return the days, since 1970, whose rows are in another slot, or in none, of the later segments."""
        ours, theirs = self._slot_by_day(), later._slot_by_day()
        return np.array(sorted(d for d in {*ours, *theirs} if ours.get(d) != theirs.get(d)), dtype=np.int64)

    def _slot_by_day(self) -> dict[int, int]:
        first = self.origin // MICROSECONDS_A_DAY
        return {first + n: int(slot) for n, slot in enumerate(self.slot_of_day)}
