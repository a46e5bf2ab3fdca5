"""A look at a source's table: which files and rows hold what was known at a moment.

Of an event with several rows the one recorded last before the moment counts; all rows of such events are set apart, so
that everyone else's files can be read without a question.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store import tables

INNER = ("event_hash", "content_hash", "customer_hash", "corrects")  # how the lake keeps its books; no reader sees them
STATS_STEP = timedelta(milliseconds=1)  # bounds in the log are cut to whole milliseconds
_CORRECTED: dict[str, pl.DataFrame] = {}


@dataclass(frozen=True)
class Look:
    """What was known of a source before a moment, of what occurred since `since` (None: ever)."""

    uri: str
    before: datetime
    since: datetime | None
    kinds: dict[str, pl.DataType]
    files: pl.DataFrame = field(repr=False)      # those with a row inside
    known: pl.DataFrame = field(repr=False)      # those that may hold a version of an event inside
    corrected: pl.DataFrame = field(repr=False)  # event_hash of events with several rows

    @property
    def shown(self) -> list[str]:
        """The columns a reader sees."""
        return [name for name in self.kinds if name not in INNER]

    def lazy(self, columns: list[str] | None = None) -> pl.LazyFrame:
        """Return the rows that count."""
        columns = columns or self.shown
        parts = [*self._parts(), self.newest_of(self.versions(), self.before)] if self.corrected.height else self._parts()
        empty = pl.LazyFrame(schema={name: self.kinds[name] for name in columns})
        return pl.concat([part.select(columns) for part in parts]) if parts else empty

    def newest_of(self, versions: pl.LazyFrame, moment: datetime) -> pl.LazyFrame:
        """Return of each event among `versions` the row that counts at a moment."""
        rows = versions.filter(pl.col("recorded_at") < moment).sort("recorded_at", "batch")
        return rows.unique("event_id", keep="last", maintain_order=True).filter(*self._within(moment))

    def versions(self) -> pl.LazyFrame:
        """Return all rows of the events with several."""
        rows = tables.scan_files(self.known["path"].to_list(), self.kinds)
        return rows.join(self.corrected.lazy(), on="event_hash", how="semi")

    def corrected_hashes(self) -> NDArray[np.int64]:
        """Return the sorted hashes of the events with several rows."""
        return self.corrected["event_hash"].sort().to_numpy()

    def _parts(self) -> list[pl.LazyFrame]:
        """Return the rows of events that have one row; files that lie wholly inside need no condition."""
        inside = (pl.col("max.recorded_at") < self.before - STATS_STEP) & (pl.col("max.occurred_at") < self.before - STATS_STEP)
        inside &= ~pl.col("max.deleted")
        if self.since is not None:
            inside &= pl.col("min.occurred_at") >= self.since
        whole, cut = self.files.filter(inside)["path"].to_list(), self.files.filter(~inside)["path"].to_list()
        parts = [tables.scan_files(whole, self.kinds)] if whole else []
        if cut:
            rows = tables.scan_files(cut, self.kinds)
            parts.append(rows.filter(pl.col("recorded_at") < self.before, *self._within(self.before)))
        if not self.corrected.height:
            return parts
        return [part.join(self.corrected.lazy(), on="event_hash", how="anti") for part in parts]

    def _within(self, before: datetime) -> list[pl.Expr]:
        conditions = [~pl.col("deleted"), pl.col("occurred_at") < before]
        return conditions if self.since is None else [*conditions, pl.col("occurred_at") >= self.since]


def look(uri: str, *, before: datetime, since: datetime | None = None) -> Look | None:
    """Look at a table at its newest version; None where there is none, or where it has no rows."""
    files = tables.live_files(uri)
    if not files.height:
        return None
    known = files.filter(pl.col("recorded_on") <= before.date(), pl.col("min.recorded_at") < before)
    wanted = known.filter(pl.col("min.occurred_at") < before)
    if since is not None:
        wanted = wanted.filter(pl.col("max.occurred_at") + STATS_STEP >= since)
        known = known if _has_future(files) else known.filter(pl.col("recorded_on") >= since.date())
    kinds = tables.schema(uri)
    return Look(uri, before, since, kinds, wanted, known, _corrected(known, kinds))


def _corrected(files: pl.DataFrame, kinds: dict[str, pl.DataType]) -> pl.DataFrame:
    """Find the events of which a later row was written into one of `files`; each file is read once in a process."""
    holding = files.filter(pl.col("max.corrects"))["path"].to_list()
    for path in holding:
        if path not in _CORRECTED:
            rows = tables.scan_files([path], kinds).filter("corrects").select("event_hash")
            _CORRECTED[path] = rows.collect()
    found = [_CORRECTED[path] for path in holding]
    return pl.concat(found).unique() if found else pl.DataFrame(schema={"event_hash": pl.Int64})


def _has_future(files: pl.DataFrame) -> bool:
    """Whether any event was recorded on a day before it occurred: then its later rows may lie anywhere."""
    return bool((files["max.occurred_at"].dt.date() > files["recorded_on"]).any())
