"""Rows made ready for the exact engine: instants as whole microseconds, numbers without not-a-number."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import narwhals as nw

from core.clock import EPOCH, microseconds
from core.errors import LookaheadError
from feature_store.measure import Measure

MICROSECONDS_A_DAY = 86_400_000_000


def prepared(rows: Any, wanted: Sequence[Measure], moment: datetime) -> nw.LazyFrame[Any]:
    """Return customer_id, kind, event_id, and as integers at_us, recorded_us, age_us, moment_us and day; v_<column> a column.

    `at_us` is when a row occurred in microseconds since 1970, `age_us` how long before the moment, `day` its day in UTC.
    Raise LookaheadError when a row is from the moment or later.
    """
    columns = sorted({c for m in wanted for c in (m.column, *(m.formula.columns if m.formula else ())) if c is not None})
    schema = nw.from_native(rows).collect_schema()
    times = [name for name in ("occurred_at", "recorded_at", *columns) if schema[name].is_temporal()]
    whole, now = in_microseconds(rows, times), microseconds(moment)
    frame = nw.from_native(whole).lazy()
    schema = frame.collect_schema()
    at = nw.col("occurred_at")
    ready = frame.select(
        "customer_id", "kind", "event_id", *(_value(name, schema[name]) for name in columns),
        at_us=at, recorded_us=nw.col("recorded_at"), age_us=nw.lit(now) - at, moment_us=nw.lit(now), day=at // MICROSECONDS_A_DAY,
    )  # fmt: skip
    _refuse_later(ready, now, moment)
    return ready


def _value(name: str, kind: nw.dtypes.DType) -> nw.Expr:
    column = nw.col(name)
    if kind.is_float():
        column = nw.when(~column.is_nan()).then(column)
    elif kind == nw.Boolean or kind.is_integer():
        column = column.cast(nw.Int64)
    return column.alias(f"v_{name}")


def _refuse_later(ready: nw.LazyFrame[Any], now: int, moment: datetime) -> None:
    latest = ready.select(at=nw.col("at_us").max(), recorded=nw.col("recorded_us").max()).collect()
    found = [value for value in latest.row(0) if value is not None]
    if found and max(found) >= now:
        late = EPOCH + timedelta(microseconds=max(found))
        raise LookaheadError(f"a row of {late.isoformat()} was offered to features as of {moment.isoformat()}.")


def matching(measure: Measure) -> nw.Expr:
    """Return the condition that a prepared row is of the measure's kinds and inside its window."""
    condition = nw.lit(True) if measure.window_days is None else nw.col("age_us") <= measure.window_days * MICROSECONDS_A_DAY
    if measure.kind is not None:
        condition &= nw.col("kind") == measure.kind
    if measure.other_than:
        condition &= nw.col("kind").is_null() | ~nw.col("kind").is_in(list(measure.other_than))
    return condition


def value_of(measure: Measure) -> nw.Expr:
    """Return the prepared values of the measure's column."""
    return nw.col(f"v_{measure.column}")


def in_microseconds(rows: Any, columns: Sequence[str]) -> Any:
    """Return a native frame in which instants and dates (00:00 UTC) are microseconds since 1970."""
    backend = nw.from_native(rows).implementation
    return {"polars": _polars, "duckdb": _duckdb, "pyspark": _spark}[str(backend.name).lower()](rows, columns)


def _polars(rows: Any, columns: Sequence[str]) -> Any:
    import polars as pl

    return rows.with_columns(pl.col(name).cast(pl.Datetime("us", "UTC")).dt.epoch("us") for name in columns)


def _duckdb(rows: Any, columns: Sequence[str]) -> Any:
    stars = ", ".join(f'epoch_us("{name}"::TIMESTAMPTZ) AS "{name}"' for name in columns)
    return rows.project(f"* REPLACE ({stars})")


def _spark(rows: Any, columns: Sequence[str]) -> Any:
    from pyspark.sql import functions as f

    return rows.withColumns({name: f.unix_micros(f.col(name).cast("timestamp")) for name in columns})
