"""Bands: one source's known rows added up per customer, in bands of days between the windows' edges.

A segment of the past (see `segments`) has a slot in every array while some window still reaches it. A window is a sum of
slots, so several moments cost one pass over the rows, and memory grows with customers and features, never with events.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.clock import microseconds
from core.errors import LookaheadError
from feature_store.engines import kernels
from feature_store.engines.kernels import MICROSECONDS_A_DAY
from feature_store.engines.segments import Segments
from feature_store.engines.wanted import Member, Wanted

Values = NDArray[np.float64]
Lane = tuple[str, Member]
NEVER = np.iinfo(np.int64).min


@dataclass
class Rows:
    """Rows of events as plain arrays: whose, of which kind, when, and per column (numbers, where there is one or None)."""

    customer: NDArray[np.int64]
    kind: NDArray[np.uint8]
    occurred: NDArray[np.int64]
    numbers: Mapping[str, tuple[NDArray[Any], NDArray[np.bool_] | None]]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.customer)

    def only(self, chosen: NDArray[Any]) -> "Rows":
        """Return some of the rows."""
        numbers = {name: (v[chosen], None if t is None else t[chosen]) for name, (v, t) in self.numbers.items()}
        return Rows(self.customer[chosen], self.kind[chosen], self.occurred[chosen], numbers)


@dataclass
class Bands:
    """The arrays, over `customers` (their hashes, sorted), for the moments asked for, oldest first."""

    wanted: Wanted
    customers: NDArray[np.int64]
    moments: Sequence[datetime]
    whole_numbers: frozenset[str] = frozenset()  # columns that hold integers: their sums are exact
    moment: datetime = field(init=False)

    def __post_init__(self) -> None:
        """Lay out segments and make the arrays."""
        self.moment = self.moments[0]
        self.segments = Segments(self.moments, self.wanted.windows)
        self._waiting: list[Rows] = []
        self._make_arrays()
        self.open(self.moment)

    def _make_arrays(self) -> None:
        n, kinds, slots = len(self.customers), len(self.wanted.kinds) + 1, self.segments.slots
        words = -(-len(self.segments.slot_of_day) // 64)
        want = self.wanted
        number = lambda lane: np.int64 if lane[0] in self.whole_numbers else np.float64
        self.counts = np.zeros((slots, kinds, n), dtype=np.uint16)
        self.newest = np.full((kinds if want.lanes("recency") else 0, n), NEVER, dtype=np.int64)
        self.days = {lane: np.zeros((words, n), dtype=np.uint64) for lane in want.lanes("distinct_days")}
        added = want.lanes("sum", "mean")
        self.sums: dict[Any, NDArray[Any]] = {lane: np.zeros((slots, n), dtype=number(lane)) for lane in added}
        self.absent: dict[Any, NDArray[Any]] = {lane: np.zeros((slots, n), dtype=np.uint16) for lane in added}
        least, most = want.lanes("min"), want.lanes("max")
        keys = [(*lane, sign) for lanes, sign in ((least, -1.0), (most, 1.0)) for lane in lanes]
        self.extremes: dict[Any, NDArray[Any]] = {key: np.full((slots, n), -np.inf) for key in keys}
        self.last_at = {lane: np.full(n, NEVER, dtype=np.int64) for lane in want.lanes("last")}
        self.last = {lane: np.full(n, np.nan) for lane in self.last_at}
        self.tied = {lane: np.zeros(n, dtype=np.bool_) for lane in self.last_at}

    def open(self, moment: datetime) -> None:
        """Move on to a moment: segments no window reaches any more give their slots to those that end by it."""
        self.moment = moment
        for slot in self.segments.open(moment):
            self._empty(slot)
        waiting, self._waiting = self._waiting, []
        for rows in waiting:
            self.add(rows)

    def _empty(self, slot: int) -> None:
        self.counts[slot] = 0
        lanes: dict[Any, NDArray[Any]]
        for lanes, empty in ((self.sums, 0), (self.absent, 0), (self.extremes, -np.inf)):
            for cells in lanes.values():
                cells[slot] = empty

    # --- rows

    def add(self, rows: Rows, *, some: bool = False) -> None:
        """Add rows known by now; those that occur later wait. With `some`, rows of other customers are left out.

        Raise LookaheadError for a row about nobody asked for.
        """
        if not len(rows):
            return
        later = rows.occurred >= microseconds(self.moment)
        if later.any():
            self._waiting.append(rows.only(later))
            rows = rows.only(~later)
        where = np.empty(len(rows), dtype=np.int32)
        if kernels.places(rows.customer, self.customers, where) and not some:
            raise LookaheadError(f"{self.wanted.measures[0].source}: a row is about a customer who is not known yet.")
        if self.newest.size:
            kernels.newest_rows(where, rows.kind, rows.occurred, self.newest)
        for (_, member), cells in self.days.items():
            kernels.mark_days(where, rows.kind, rows.occurred, self.segments.origin, np.array(member), cells)
        for lane in self.last:
            numbers, there = rows.numbers[lane[0]]
            kernels.keep_last(where, rows.kind, rows.occurred, numbers, _all(there, numbers), np.array(lane[1]),
                              self.last_at[lane], self.last[lane], self.tied[lane])  # fmt: skip
        self._add_up(rows, where)

    def _add_up(self, rows: Rows, where: NDArray[np.int32]) -> None:
        slots = np.empty(len(rows), dtype=np.int16)
        done, days = 0, (self.segments.origin, self.segments.slot_of_day)
        while (done := kernels.count_rows(done, where, rows.kind, rows.occurred, *days, slots, self.counts)) < len(rows):
            self.widen()
        for lane, cells in self.sums.items():
            (numbers, there), member = rows.numbers[lane[0]], np.array(lane[1])
            if there is None:
                kernels.add_all_numbers(where, rows.kind, slots, numbers, member, cells)
            else:
                kernels.add_numbers(where, rows.kind, slots, numbers, there, member, cells, self.absent[lane])
        for (column, kinds, sign), cells in self.extremes.items():
            numbers, there = rows.numbers[column]
            kernels.keep_extremes(where, rows.kind, slots, numbers, _all(there, numbers), np.array(kinds), sign, cells)

    @property
    def slides(self) -> bool:
        """Whether rows can be taken out again to the last bit: only whole numbers were added, and no extreme is kept."""
        return not self.extremes and all(cells.dtype == np.int64 for cells in self.sums.values()) and self.segments.reach > 0

    def moved(self, customers: NDArray[np.int64], moment: datetime) -> "Bands":
        """Return bands as of a later moment with these arrays in them; rows of `days_that_move` are still to be moved."""
        later = Bands(self.wanted, customers, [moment], self.whole_numbers)
        at = np.searchsorted(customers, self.customers)
        grown = len(customers) > len(self.customers)
        if self.counts.dtype != later.counts.dtype:
            later.widen()
        for (name, cells), mine in zip(later.arrays().items(), self.arrays().values(), strict=True):
            if grown:
                cells[..., at] = mine
            else:
                later.replace(name, mine)
        for cells in later.days.values():
            for _ in range((later.segments.origin - self.segments.origin) // MICROSECONDS_A_DAY):
                kernels.a_day_earlier(cells)
        return later

    def take_out(self, rows: Rows, of: "Bands") -> None:
        """Take rows out of the slots that they were given by the earlier bands `of`."""
        where, slots = np.empty(len(rows), dtype=np.int32), np.empty(len(rows), dtype=np.int16)
        kernels.places(rows.customer, self.customers, where)
        kernels.uncount_rows(where, rows.kind, rows.occurred, of.segments.origin, of.segments.slot_of_day, slots, self.counts)
        for lane, cells in self.sums.items():
            (numbers, there), member = rows.numbers[lane[0]], np.array(lane[1])
            kernels.take_numbers(where, rows.kind, slots, numbers, _all(there, numbers), member, cells, self.absent[lane])

    def paste(self, some: "Bands") -> None:
        """Put the arrays of bands over some of the customers in the place of ours."""
        at = np.searchsorted(self.customers, some.customers)
        if some.counts.dtype != self.counts.dtype:
            self.widen()
        for cells, theirs in zip(self.arrays().values(), some.arrays().values(), strict=True):
            cells[..., at] = theirs

    def widen(self) -> None:
        """Make the cells that count rows large ones."""
        self.counts = self.counts.astype(np.uint32)
        self.absent = {lane: cells.astype(np.uint32) for lane, cells in self.absent.items()}

    def replace(self, name: str, cells: NDArray[Any]) -> None:
        """Put an array in the place of the one that `arrays` names so."""
        kind, _, number = name.partition(".")
        if number:
            lanes = getattr(self, kind)
            lanes[list(lanes)[int(number)]] = cells
        else:
            setattr(self, kind, cells)

    @contextmanager
    def with_rows(self, rows: Rows) -> Iterator[None]:
        """Have these rows in for a while: the versions of corrected events that count at this moment."""
        at = np.searchsorted(self.customers, np.unique(rows.customer))
        saved = [(cells, cells[..., at].copy()) for cells in self.arrays().values()]
        self.add(rows)
        yield
        for cells, before in saved:
            cells[..., at] = before

    def let_go(self) -> None:
        """Forget what was added up slot by slot, once it was read out for the last time."""
        self.counts = self.counts[..., :0].copy()
        self.sums, self.absent, self.extremes = {}, {}, {}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array by name, customers along the last axis."""
        found: dict[str, NDArray[Any]] = {"counts": self.counts, "newest": self.newest}
        for name in ("days", "sums", "absent", "extremes", "last_at", "last", "tied"):
            lanes = getattr(self, name)
            found |= {f"{name}.{n}": cells for n, cells in enumerate(lanes.values())}
        return found


def _all(there: NDArray[np.bool_] | None, numbers: NDArray[Any]) -> NDArray[np.bool_]:
    return np.ones(len(numbers), dtype=np.bool_) if there is None else there
