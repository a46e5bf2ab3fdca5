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

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store.arithmetic import LEAST_DAYS, finished, names_of
from feature_store.engines import anchored, kernels
from feature_store.engines.exact import Values, exactly
from feature_store.engines.kept import Kept
from feature_store.engines.one_pass import OnePass
from feature_store.engines.prepared import MICROSECONDS_A_DAY
from feature_store.feature import ZERO_WHEN_NO_ROW, Feature, Measure, Ratio, Trend, longer, measures
from feature_store.fingerprints import fingerprint
from feature_store.look import Look

AT_ONCE = 2  # sources read, or features assembled, at once
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
    features: Iterable[Feature], frames: Mapping[str, pl.LazyFrame], moment: datetime, roster: pl.DataFrame, *, tally: bool = True
) -> pl.DataFrame:
    """Return one row per customer of `roster`: customer_id, then each feature as a 64-bit number, null where missing.

    `frames` holds the rows known at `moment` per source (see `known`); `roster` the sorted customer_id and, per
    source, since when the customer is known there. Without `tally` every number comes by the plan for any backend.
    Raise LookaheadError when a frame shows anything later.
    """
    features = list(features)
    found = _measured(features, frames, moment, roster, tally)
    if not tally:
        return _composed(features, found, roster, np.arange(roster.height))
    return _assembled(features, found, roster, np.arange(roster.height), pl.Float64())


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
    newest = with_hash(rosters(moments[-1]))
    order = np.argsort(newest["customer_hash"].to_numpy())
    everyone = newest[order]
    hashes = everyone["customer_hash"].to_numpy()
    if (hashes[1:] == hashes[:-1]).any():  # one in 10**7 for a million customers
        yield from _one_by_one(features, looks, moments, rosters, kind)
        return
    passes = [iter(each) for each in _passes(features, looks, moments, everyone, kept)]
    for moment in moments:
        asked = newest if moment == moments[-1] else with_hash(rosters(moment))
        at = _inverse(order) if asked is newest else _places(asked["customer_hash"].to_numpy(), hashes)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            read = list(threads.map(next, passes))
        given = {m: np.full(everyone.height, np.nan) for m in _wanted(features) if m.aggregate == "tenure"}
        for measure, values in given.items():
            values[at] = _tenure(asked, measure.source, moment)
        found = ChainMap(given, *read)
        since = anchored.measured(_wanted(features), partial(_rows, features, looks, moment), moment, everyone["customer_id"], found)
        yield _assembled(features, ChainMap(since, *found.maps), asked, at, kind or pl.Float64())


def _inverse(order: NDArray[np.int64]) -> NDArray[np.int64]:
    at = np.empty_like(order)
    at[order] = np.arange(len(order))
    return at


def _places(asked: NDArray[np.int64], sorted_: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each of the numbers asked for stands; sorting them first makes one walk of a million searches."""
    order = np.argsort(asked)
    at = np.empty_like(order)
    at[order] = np.searchsorted(sorted_, asked[order])
    return at


def _one_by_one(
    features: list[Feature], looks: Looks, moments: Sequence[datetime], rosters: Rosters, kind: pl.DataType | None
) -> Iterator[pl.DataFrame]:
    for moment in moments:
        found = {s: looks(s, moment, _since(moment, days)) for s, days in windows(features).items()}
        frames = {s: look.lazy() for s, look in found.items() if look is not None}
        yield compute(features, frames, moment, rosters(moment)).cast({pl.Float64(): kind or pl.Float64()})


def _passes(
    features: list[Feature], looks: Looks, moments: Sequence[datetime], everyone: pl.DataFrame, kept: Path | None
) -> Iterator[Iterable[Mapping[Measure, Values]]]:
    for source, days in windows(features).items():
        mine = [m for m in anchored.plain(_wanted(features)) if m.source == source and m.aggregate != "tenure"]
        widest = looks(source, moments[-1], _since(moments[0], days))
        one = partial(_look, looks, source, days)
        place = Kept(kept / source) if kept is not None and days is not None and len(moments) == 1 else None
        if widest is None:
            yield [dict.fromkeys(mine, np.full(everyone.height, np.nan))] * len(moments)
        else:
            yield OnePass(source, mine, moments, everyone, widest, one, place)


def _look(looks: Looks, source: str, days: int | None, moment: datetime) -> Look | None:
    return looks(source, moment, _since(moment, days))


def _rows(features: list[Feature], looks: Looks, moment: datetime, source: str) -> pl.LazyFrame | None:
    look = _look(looks, source, windows(features)[source], moment)
    return None if look is None else look.lazy()


def with_hash(roster: pl.DataFrame) -> pl.DataFrame:
    """Return a roster with customer_hash, the number the lake's files are sorted by."""
    return roster if "customer_hash" in roster.columns else roster.with_columns(
        customer_hash=fingerprint(roster["customer_id"]))  # fmt: skip


def _since(moment: datetime, days: int | None) -> datetime | None:
    return None if days is None else moment - timedelta(days=days)


def _wanted(features: list[Feature]) -> list[Measure]:
    return list(dict.fromkeys(m for f in features for m in measures(f)))


def _assembled(
    features: list[Feature], found: Mapping[Measure, Values], roster: pl.DataFrame, at: NDArray[np.int64], kind: pl.DataType
) -> pl.DataFrame:
    """Return the roster's ids and the features, whose values stand `at` these places of what was found."""

    def column(feature: Feature) -> pl.Series:
        values, empty = _values(feature, found), np.nan if feature.empty is None else feature.empty
        shown = np.empty(len(at), dtype=np.float32 if kind == pl.Float32 else np.float64)
        missing = kernels.put_in_order(values, at, empty, shown)
        series = pl.Series(feature.name, shown)
        return series.fill_nan(None) if missing else series

    simple = [f for f in features if isinstance(f.measure, Measure | Ratio | Trend)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        numbers = pl.DataFrame([roster["customer_id"], *threads.map(column, simple)])
    if len(simple) == len(features):
        return numbers
    others = _composed([f for f in features if f not in simple], found, roster, at).select(pl.col(pl.Float64).cast(kind))
    return numbers.hstack(others).select("customer_id", *(f.name for f in features))


def _composed(
    features: list[Feature], found: Mapping[Measure, Values], roster: pl.DataFrame, at: NDArray[np.int64]
) -> pl.DataFrame:
    """Return the roster's ids and the features by the arithmetic that every backend shares."""
    names = names_of(_wanted(features))
    column = lambda m: pl.Series(found[m][at].tolist(), dtype=pl.String) if m.aggregate == "category" else pl.Series(
        found[m][at], nan_to_null=True)  # fmt: skip
    wide = roster.select("customer_id", *(column(m).alias(name) for m, name in names.items()))
    numbers: pl.LazyFrame = finished(nw.from_native(wide.lazy()), features, names).to_native()
    return numbers.collect()


def _measured(
    features: list[Feature], frames: Mapping[str, pl.LazyFrame], moment: datetime, roster: pl.DataFrame, tally: bool
) -> dict[Measure, Values]:
    """Return each plain measure's values in the roster's order, NaN where there was no row."""
    wanted = _wanted(features)
    found = {m: _tenure(roster, m.source, moment) for m in wanted if m.aggregate == "tenure"}
    by_source = {s: [m for m in anchored.plain(wanted) if m.source == s and m.aggregate != "tenure"] for s in frames}

    def of_source(source: str) -> dict[Measure, Values]:
        return exactly(source, frames[source], by_source[source], moment, roster["customer_id"], tally=tally)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for values in threads.map(of_source, (source for source, of_one in by_source.items() if of_one)):
            found |= values
    return found | anchored.measured(wanted, frames.get, moment, roster["customer_id"], found)


def _tenure(roster: pl.DataFrame, source: str, moment: datetime) -> Values:
    days = (pl.lit(moment) - pl.col(source)).dt.total_microseconds() / MICROSECONDS_A_DAY
    return roster.select(days.cast(pl.Float64).fill_null(float("nan"))).to_series().to_numpy()


def _values(feature: Feature, found: Mapping[Measure, Values]) -> Values:
    """Return the feature's values, NaN where there is none."""
    what = feature.measure
    if isinstance(what, Ratio):
        return _divided(_or_zero(what.over, found), _or_zero(what.under, found))
    if isinstance(what, Trend):
        usual = longer(what)
        own = what.of.window_days or what.against_days if what.of.since is None else np.maximum(found[what.of.since], LEAST_DAYS)
        return _divided(_or_zero(what.of, found), _or_zero(usual, found)) * what.against_days / own
    assert isinstance(what, Measure)
    return found[what]


def _or_zero(measure: Measure, found: Mapping[Measure, Values]) -> Values:
    values = found[measure]
    return np.nan_to_num(values, nan=0.0) if measure.aggregate in ZERO_WHEN_NO_ROW else values


def _divided(over: Values, under: Values) -> Values:
    return np.divide(over, under, out=np.full_like(over, np.nan), where=under != 0)
