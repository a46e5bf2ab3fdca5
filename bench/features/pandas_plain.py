"""The sixty features in pandas, as a user would write them: filter a window, group by customer, aggregate, join."""

from datetime import datetime

import polars as pl

from bench.features.declared import pace, sixty
from feature_store.feature import Measure, measures


def answer(files: dict[str, list[str]], roster: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """Return one row per customer of the roster with the sixty features."""
    import pandas as pd

    frames = {}
    for source, paths in files.items():
        columns = ["customer_id", "kind", "occurred_at", *(["seconds", "bytes"] if source == "usage" else ["amount_cents"])]
        frames[source] = pd.concat([pd.read_parquet(path, columns=columns, partitioning=None) for path in paths])
    asked = pd.Index(roster["customer_id"].to_list(), name="customer_id")
    found = {m: _measured(frames[m.source], m, pd.Timestamp(moment)).reindex(asked) for f in sixty() for m in measures(f)}
    table = pd.DataFrame({f.name: _feature(f, found) for f in sixty()}, index=asked)
    return pl.from_pandas(table.reset_index())


def _measured(rows, measure: Measure, moment):  # type: ignore[no-untyped-def]
    import pandas as pd

    rows = rows[rows["occurred_at"] >= moment - pd.Timedelta(days=measure.window_days)]
    if measure.kind is not None:
        rows = rows[rows["kind"] == measure.kind]
    if measure.other_than:
        rows = rows[~rows["kind"].isin(measure.other_than)]
    by_customer = rows.groupby("customer_id")
    if measure.aggregate == "count":
        return by_customer.size()
    if measure.aggregate == "recency":
        return (moment - by_customer["occurred_at"].max()) / pd.Timedelta(days=1)
    if measure.aggregate == "distinct_days":
        return rows["occurred_at"].dt.normalize().groupby(rows["customer_id"]).nunique()
    if measure.aggregate == "last":
        return rows.sort_values("occurred_at").groupby("customer_id")[measure.column].last()
    return by_customer[measure.column].agg(measure.aggregate)


def _feature(feature, found):  # type: ignore[no-untyped-def]
    over, *under = (found[m] for m in measures(feature))
    if under:
        return over.fillna(0) / under[0].where(under[0] != 0) * pace(feature)
    return over if feature.empty is None else over.fillna(feature.empty)
