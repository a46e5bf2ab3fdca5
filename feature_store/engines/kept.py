"""Bands kept on disk from one day to the next, so that a day costs its own rows and those that leave a window.

When the next day is asked for, its rows come in and the rows of the days that cross an edge are moved. Customers with an
event that was corrected since are added up anew. What was read and is gone, or came in behind us, means starting afresh.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store.engines.bands import Bands, Rows
from feature_store.engines.decode import Decoder
from feature_store.engines.kernels import MICROSECONDS_A_DAY
from feature_store.look import Look, look

AT_MOST_DAYS = 7      # further back, starting afresh is as quick
AT_MOST_FILES = 0.5   # of those in the windows: where rows come so late that more must be read again, start afresh


@dataclass
class Kept:
    """Where the bands of one source in one feature set are kept between days."""

    folder: Path

    def save(self, bands: Bands, decoder: Decoder) -> None:
        """Keep the bands in place of those kept before."""
        if not bands.slides:
            return
        beside = self.folder.with_name(f".{self.folder.name}.{os.getpid()}")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        np.save(beside / "customers.npy", bands.customers)
        for name, cells in bands.arrays().items():
            np.save(beside / f"{name}.npy", cells)
        said = {"moment": bands.moment.isoformat(), "measures": repr(bands.wanted), "whole": sorted(bands.whole_numbers),
                "files": sorted(decoder.look.files["path"])}  # fmt: skip
        (beside / "kept.json").write_text(json.dumps(said))
        shutil.rmtree(self.folder, ignore_errors=True)
        os.replace(beside, self.folder)

    def slid(self, decoder: Decoder, customers: NDArray[np.int64], moment: datetime) -> Bands | None:
        """Return bands as of the moment made from those kept, None where that cannot be done or would not pay."""
        kept = self._load(decoder, moment)
        if kept is None:
            return None
        before, read = kept
        uri, since = decoder.look.uri, before.moment - timedelta(days=before.segments.reach)
        then, now = (look(uri, before=at, since=since) for at in (before.moment, moment))
        if then is None or now is None or set(then.files["path"]) != read:
            return None
        slide = _Slide(before, before.moved(customers, moment), Decoder(now, decoder.wanted), then)
        return slide.done() if slide.pays() else None

    def _load(self, decoder: Decoder, moment: datetime) -> tuple[Bands, set[str]] | None:
        if not (self.folder / "kept.json").exists():
            return None
        said = json.loads((self.folder / "kept.json").read_text())
        before = datetime.fromisoformat(said["moment"])
        same = said["measures"] == repr(decoder.wanted) and said["whole"] == sorted(decoder.whole_numbers)
        midnight = moment.timestamp() % 86_400 == 0 == before.timestamp() % 86_400
        if not same or not midnight or not 0 < (moment - before).days <= AT_MOST_DAYS:
            return None
        bands = Bands(decoder.wanted, np.load(self.folder / "customers.npy"), [before], decoder.whole_numbers)
        for name in bands.arrays():
            bands.replace(name, np.load(self.folder / f"{name}.npy"))
        return bands, set(said["files"])


@dataclass
class _Slide:
    """The way from the bands `before` to those `after`, given what was known `then`."""

    before: Bands
    after: Bands
    decoder: Decoder
    then: Look

    def __post_init__(self) -> None:
        """Sort the files into those known before, and those that are new."""
        files = self.decoder.look.files.sort("recorded_on", "batch")
        behind = pl.col("min.recorded_at") < self.before.moment
        self._new, self._days = files.filter(~behind), self.before.segments.days_that_move(self.after.segments)
        self._moving = files.filter(behind).filter(_holds_a_day(self._days))

    def pays(self) -> bool:
        """Whether little must be read again."""
        again = self._moving.height + self._new.height
        return again <= AT_MOST_FILES * self.decoder.look.files.height + 1

    def done(self) -> Bands:
        """Move the rows that cross an edge, add the new ones, and add up anew those with a new correction."""
        fresh = self._concerned()
        for rows in self.decoder.ahead(self._moving.iter_rows(named=True), self.before.moment):
            crossing = rows.only(np.isin(rows.occurred // MICROSECONDS_A_DAY, self._days))
            self.after.take_out(crossing, self.before)
            self.after.add(crossing)
        for rows in self.decoder.ahead(self._new.iter_rows(named=True), self.after.moment):
            self.after.add(rows)
        if len(fresh):
            self.after.paste(self._afresh(fresh))
        return self.after

    def _concerned(self) -> NDArray[np.int64]:
        """Return the customers of events that were corrected since, whose rows no longer stand for themselves."""
        new = self.decoder.look.corrected.join(self.then.corrected, on="event_hash", how="anti")
        if not new.height:
            return np.zeros(0, dtype=np.int64)
        versions = self.decoder.look.versions().join(new.lazy(), on="event_hash", how="semi").collect()
        customers = np.unique(self.decoder.from_frame(versions).customer)
        return customers[np.isin(customers, self.after.customers)]

    def _afresh(self, customers: NDArray[np.int64]) -> Bands:
        bands = Bands(self.decoder.wanted, customers, [self.after.moment], self.after.whole_numbers)
        for rows in self._all_rows():
            bands.add(rows, some=True)
        return bands

    def _all_rows(self) -> Iterator[Rows]:
        files = self.decoder.look.files.sort("recorded_on", "batch")
        return self.decoder.ahead(files.iter_rows(named=True), self.after.moment)


def _holds_a_day(days: NDArray[np.int64]) -> pl.Expr:
    """Whether a file's bounds let one of the days be in it."""
    first, last = (pl.col(f"{end}.occurred_at").dt.epoch("d") for end in ("min", "max"))
    return pl.any_horizontal((first <= int(day)) & (last >= int(day)) for day in days) if len(days) else pl.lit(False)
