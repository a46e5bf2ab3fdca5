"""Known at the time: what we would have known at a moment, and nothing later.

As of day D means the moment T = 00:00 UTC after D. A row counts when `T - window <= occurred_at < T` and
`recorded_at < T`; of the rows with one event_id the one recorded last before T counts, and none if that one is a
deletion. A label counts when `T + gap <= occurred_at < T + gap + horizon`. The two never share a row.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import narwhals as nw
import polars as pl

from core.errors import LookaheadError
from feature_store.arithmetic import finished, names_of
from feature_store.engines import split
from feature_store.engines.narwhals import measured
from feature_store.engines.polars import Tally
from feature_store.engines.prepared import MICROSECONDS_A_DAY
from feature_store.feature import Feature, Measure, measures

AT_ONCE = 2  # sources read and tallied at once: one reads while another adds up


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


def _measured(
    names: Mapping[Measure, str], frames: Mapping[str, pl.LazyFrame], moment: datetime, roster: pl.DataFrame, fast: bool
) -> dict[Measure, pl.Series]:
    """Return each plain measure's values in the roster's order, null where there was no row."""
    found = {m: _tenure(roster, m.source, moment) for m in names if m.aggregate == "tenure"}
    quick, exact = split(names) if fast else ([], [m for m in names if m.aggregate != "tenure"])

    def of_source(source: str) -> dict[Measure, pl.Series]:
        tallied = _tallied(source, frames[source], [m for m in quick if m.source == source], moment, roster)
        wanted = {m: names[m] for m in exact if m.source == source}
        return tallied | _exactly(source, frames[source], wanted, moment, roster)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for values in threads.map(of_source, (s for s in frames if any(m.source == s for m in (*quick, *exact)))):
            found |= values
    return found


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
