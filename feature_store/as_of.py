"""Known at the time: what we would have known at a moment, and nothing later.

As of day D means the moment T = 00:00 UTC after D. A row counts when `T - window <= occurred_at < T` and
`recorded_at < T`; of the rows with one event_id the one recorded last before T counts, and none if that one is a
deletion. A label counts when `T + gap <= occurred_at < T + gap + horizon`. The two never share a row.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np
import polars as pl

from feature_store.engines.polars import MICROSECONDS_A_DAY, Tally, Values
from feature_store.feature import ZERO_WHEN_NO_ROW, Feature, Measure, Ratio, Trend, longer, measures

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
    features: Iterable[Feature], frames: Mapping[str, pl.LazyFrame], moment: datetime, roster: pl.DataFrame
) -> pl.DataFrame:
    """Return one row per customer of `roster`: customer_id, then each feature as a 64-bit number, null where missing.

    `frames` holds the rows known at `moment` per source (see `known`); `roster` the sorted customer_id and, per
    source, since when the customer is known there. Raise LookaheadError when a frame shows anything later.
    """
    features = list(features)
    found = _measured(features, frames, moment, roster)
    numbers = pl.DataFrame({f.name: _filled(f, found) for f in features}).fill_nan(None)
    return roster.select("customer_id").hstack(numbers)


def _measured(
    features: list[Feature], frames: Mapping[str, pl.LazyFrame], moment: datetime, roster: pl.DataFrame
) -> dict[Measure, Values]:
    """Return each plain measure's values in the roster's order, NaN where there was no row."""
    wanted = dict.fromkeys(m for f in features for m in measures(f))
    found = {m: _tenure(roster, m.source, moment) for m in wanted if m.aggregate == "tenure"}
    by_source = {s: [m for m in wanted if m.source == s and m.aggregate != "tenure"] for s in frames}

    def tallied(source: str) -> dict[Measure, Values]:
        return Tally(source, frames[source], by_source[source], moment, roster["customer_id"]).values()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for values in threads.map(tallied, (source for source, of_source in by_source.items() if of_source)):
            found |= values
    return found


def _tenure(roster: pl.DataFrame, source: str, moment: datetime) -> Values:
    days = (pl.lit(moment) - pl.col(source)).dt.total_microseconds() / MICROSECONDS_A_DAY
    return roster.select(days.cast(pl.Float64).fill_null(float("nan"))).to_series().to_numpy()


def _filled(feature: Feature, found: dict[Measure, Values]) -> Values:
    """Return the feature's values with its absence replaced by `empty`."""
    what = feature.measure
    if isinstance(what, Ratio):
        values = _divided(_or_zero(what.over, found), _or_zero(what.under, found))
    elif isinstance(what, Trend):
        usual = longer(what)
        days = what.against_days / (what.of.window_days or what.against_days)
        values = _divided(_or_zero(what.of, found), _or_zero(usual, found)) * days
    else:
        values = found[what]
    return values if feature.empty is None else np.where(np.isnan(values), feature.empty, values)


def _or_zero(measure: Measure, found: dict[Measure, Values]) -> Values:
    values = found[measure]
    return np.nan_to_num(values, nan=0.0) if measure.aggregate in ZERO_WHEN_NO_ROW else values


def _divided(over: Values, under: Values) -> Values:
    return np.divide(over, under, out=np.full_like(over, np.nan), where=under != 0)
