"""Known at the time: what we would have known at a moment, and nothing later.

As of day D means the moment T = 00:00 UTC after D. A row counts when `T - window <= occurred_at < T` and
`recorded_at < T`; of the rows with one event_id the one recorded last before T counts, and none if that one is a
deletion. A label counts when `T + gap <= occurred_at < T + gap + horizon`. The two never share a row.
"""

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.errors import LookaheadError
from feature_store.arithmetic import finished, names_of
from feature_store.engines import split
from feature_store.engines.kept import Kept
from feature_store.engines.narwhals import measured
from feature_store.engines.one_pass import OnePass
from feature_store.engines.polars import Tally
from feature_store.engines.prepared import MICROSECONDS_A_DAY
from feature_store.feature import Feature, Measure, measures
from feature_store.fingerprints import fingerprint
from feature_store.look import Look

AT_ONCE = 2    # sources read and tallied at once: one reads while another adds up
TOGETHER = 10  # features finished at once: more would hold more measures in memory
Looks = Callable[[str, datetime, datetime | None], Look | None]
Rosters = Callable[[datetime], pl.DataFrame]


def known(events: pl.LazyFrame, moment: datetime, since: datetime | None = None) -> pl.LazyFrame:
    """Return the rows known at `moment`, corrections and deletions applied, that occurred from `since` until then."""
    newest = (
        events.filter(pl.col("recorded_at") < moment)
        .sort("recorded_at", maintain_order=True)
        .unique("event_id", keep="last", maintain_order=False)
        .filter(~pl.col("deleted"), pl.col("occurred_at") < moment)
    )
    return newest if since is None else newest.filter(pl.col("occurred_at") >= since)


def windows(features: Iterable[Feature]) -> dict[str, int | None]:
    """Return how many days of each source the features read; None where all known rows count.

    Tenure reads no rows: since when a customer is known comes with the roster.
    """
    found: dict[str, int | None] = {}
    for measure in (m for f in features for m in measures(f) if m.aggregate != "tenure"):
        widest = found.get(measure.source, 0)
        days = measure.window_days
        found[measure.source] = None if widest is None or days is None else max(widest, days)
    return found


def compute(
    features: Iterable[Feature], frames: Mapping[str, pl.LazyFrame], moment: datetime, roster: pl.DataFrame, *, fast: bool = True
) -> pl.DataFrame:
    """Return one row per customer of `roster`: customer_id, then each feature as a 64-bit number, null where missing.

    `frames` holds the rows known at `moment` per source (see `known`); `roster` the sorted customer_id and, per
    source, since when the customer is known there. Not `fast`: every measure by the exact engine. Raise LookaheadError
    when a frame shows anything later.
    """
    features = list(features)
    names = names_of(m for f in features for m in measures(f))
    found = _measured(names, frames, moment, roster, fast)
    wide = roster.select("customer_id", *(found[m].alias(name) for m, name in names.items()))
    numbers: pl.LazyFrame = finished(nw.from_native(wide.lazy()), features, names).to_native()
    return numbers.collect()


def compute_each(
    features: Iterable[Feature], looks: Looks, moments: Sequence[datetime], rosters: Rosters,
    kind: pl.DataType | None = None, kept: Path | None = None,
) -> Iterator[pl.DataFrame]:
    """Yield what `compute` returns for each moment, oldest first, from one pass over the lake's files.

    `looks` gives what was known of a source at a moment, of what occurred since another (None: nothing there);
    `rosters` the customers known at a moment. Several moments must be midnights. With one moment and a folder `kept`, the
    day is made from what an earlier one kept there, where that pays, and kept in its turn.
    """  # fmt: skip
    features, moments = list(features), sorted(moments)
    everyone = with_hash(rosters(moments[-1])).sort("customer_hash")
    if everyone["customer_hash"].is_duplicated().any():  # one chance in ten million for a million customers
        yield from _one_by_one(features, looks, moments, rosters, kind)
        return
    passes = [iter(each) for each in _passes(features, looks, moments, everyone, kept)]
    for moment in moments:
        asked = with_hash(rosters(moment))
        at = np.searchsorted(everyone["customer_hash"].to_numpy(), asked["customer_hash"].to_numpy())
        with ThreadPoolExecutor(AT_ONCE) as threads:
            read = list(threads.map(next, passes))
        tenure = {m: _tenure(asked, m.source, moment) for f in features for m in measures(f) if m.aggregate == "tenure"}
        yield _assembled(features, _Found(tenure, read, at), asked, kind or pl.Float64())


def _one_by_one(
    features: list[Feature], looks: Looks, moments: Sequence[datetime], rosters: Rosters, kind: pl.DataType | None
) -> Iterator[pl.DataFrame]:
    for moment in moments:
        found = {s: looks(s, moment, _since(moment, days)) for s, days in windows(features).items()}
        frames = {s: look.lazy() for s, look in found.items() if look is not None}
        yield compute(features, frames, moment, rosters(moment)).cast({pl.Float64(): kind or pl.Float64()})


def _passes(
    features: list[Feature], looks: Looks, moments: Sequence[datetime], everyone: pl.DataFrame, kept: Path | None
) -> Iterator[Iterable[Mapping[Measure, Any]]]:
    for source, days in windows(features).items():
        mine = list(dict.fromkeys(m for f in features for m in measures(f) if m.source == source and m.aggregate != "tenure"))
        one = partial(_look, looks, source, days)
        widest = looks(source, moments[-1], _since(moments[0], days))
        place = Kept(kept / source) if kept is not None and days is not None and len(moments) == 1 else None
        nothing = {m: pl.repeat(None, everyone.height, dtype=pl.Float64, eager=True) for m in mine}
        exact = partial(_of_rows, source)
        yield [nothing] * len(moments) if widest is None else OnePass(exact, mine, moments, everyone, widest, one, place)


def _look(looks: Looks, source: str, days: int | None, moment: datetime) -> Look | None:
    return looks(source, moment, _since(moment, days))


def with_hash(roster: pl.DataFrame) -> pl.DataFrame:
    """Return a roster with customer_hash, the number the lake's files are sorted by."""
    return roster if "customer_hash" in roster.columns else roster.with_columns(
        customer_hash=fingerprint(roster["customer_id"]))  # fmt: skip


def _since(moment: datetime, days: int | None) -> datetime | None:
    return None if days is None else moment - timedelta(days=days)


class _Found:
    """The measures of all sources as series in the order of those asked for, who stand `at` places of what was read."""

    def __init__(self, given: Mapping[Measure, pl.Series], read: Sequence[Mapping[Measure, Any]], at: NDArray[np.int64]) -> None:
        self._given, self._at = given, at
        self._read: ChainMap[Measure, Any] = ChainMap(*read)  # type: ignore[arg-type]

    def __getitem__(self, measure: Measure) -> pl.Series:
        if measure in self._given:
            return self._given[measure]
        values = self._read[measure]
        return values.gather(self._at) if isinstance(values, pl.Series) else pl.Series(values[self._at], nan_to_null=True)


def _assembled(features: list[Feature], found: _Found, roster: pl.DataFrame, kind: pl.DataType) -> pl.DataFrame:
    """Return the roster's ids and the features, some at a time so that few measures are in memory."""
    parts = [roster.select("customer_id")]
    for first in range(0, len(features), TOGETHER):
        some = features[first : first + TOGETHER]
        names = names_of(m for f in some for m in measures(f))
        with ThreadPoolExecutor(AT_ONCE) as threads:
            columns = list(threads.map(found.__getitem__, names))
        wide = parts[0].with_columns(column.alias(name) for column, name in zip(columns, names.values(), strict=True))
        numbers: pl.LazyFrame = finished(nw.from_native(wide.lazy()), some, names).to_native()
        parts.append(numbers.select(pl.col(f.name).cast(kind) for f in some).collect())
    return pl.concat(parts, how="horizontal")


def _measured(
    names: Mapping[Measure, str], frames: Mapping[str, pl.LazyFrame], moment: datetime, roster: pl.DataFrame, fast: bool
) -> dict[Measure, pl.Series]:
    """Return each plain measure's values in the roster's order, null where there was no row."""
    found = {m: _tenure(roster, m.source, moment) for m in names if m.aggregate == "tenure"}
    wanted = {s: [m for m in names if m.source == s and m.aggregate != "tenure"] for s in frames}

    def of_source(source: str) -> dict[Measure, pl.Series]:
        return _of_rows(source, frames[source], wanted[source], moment, roster, fast)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for values in threads.map(of_source, (s for s in frames if wanted[s])):
            found |= values
    return found


def _of_rows(
    source: str, rows: pl.LazyFrame, wanted: Sequence[Measure], moment: datetime, roster: pl.DataFrame, fast: bool = True
) -> dict[Measure, pl.Series]:
    """Return measures of one source from a frame of its rows known at the moment."""
    quick, exact = split(wanted) if fast else ([], list(wanted))
    tallied = _tallied(source, rows, quick, moment, roster)
    return tallied | _exactly(source, rows, names_of(exact), moment, roster)


def _tallied(
    source: str, rows: pl.LazyFrame, wanted: list[Measure], moment: datetime, roster: pl.DataFrame
) -> dict[Measure, pl.Series]:
    if not wanted:
        return {}
    values = Tally(source, rows, wanted, moment, roster["customer_id"]).values()
    return {measure: pl.Series(numbers, nan_to_null=True) for measure, numbers in values.items()}


def _exactly(
    source: str, rows: pl.LazyFrame, names: Mapping[Measure, str], moment: datetime, roster: pl.DataFrame
) -> dict[Measure, pl.Series]:
    if not names:
        return {}
    try:
        parts = pl.collect_all([part.to_native() for part in measured(rows, names, moment)])
    except LookaheadError as error:
        raise LookaheadError(f"{source}: {error}") from error
    customers = roster.select("customer_id")
    for part in parts:
        customers = customers.join(part, on="customer_id", how="left", maintain_order="left")
    return {measure: customers[name] for measure, name in names.items()}


def _tenure(roster: pl.DataFrame, source: str, moment: datetime) -> pl.Series:
    days = (pl.lit(moment) - pl.col(source)).dt.total_microseconds() / MICROSECONDS_A_DAY
    return roster.select(days.cast(pl.Float64)).to_series()
