"""Theirs -> ours: turn a source's rows into events, each with its own time and only the columns known then."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from feature_store.sources.lookups import PROBLEM
from feature_store.sources.reader import DAY
from feature_store.sources.source import Event, Source, Value, suffix_of
from feature_store.sources.times import INSTANT, end_of_day, read_times
from feature_store.sources.values import as_ids, convert, holds, misfits

RAW = "__raw"  # the number of the row an event came from
EMPTY: dict[str, Any] = {
    RAW: pl.UInt32, "event_id": pl.String, "customer_id": pl.String, "kind": pl.String, "occurred_at": INSTANT,
    "stated_at": INSTANT, "batch": pl.Date, "deleted": pl.Boolean, "future": pl.Boolean, "undated": pl.Boolean,
    PROBLEM: pl.String,
}  # fmt: skip


@dataclass
class Mapped:
    """The events of some rows, with PROBLEM and RAW, and how many were dropped by which rule."""

    events: pl.DataFrame
    dropped: dict[str, int] = field(default_factory=dict)


def to_events(source: Source, rows: pl.DataFrame, kinds: dict[str, pl.DataType]) -> Mapped:
    """Return the events of `rows` (with lookups followed); `kinds` are the types the lake has settled on.

    A row without any date of its own is `undated`, and occurs on the day it was pulled for.

    Columns: event_id, customer_id, kind, occurred_at, stated_at (when it says it was recorded), batch (the day it was
    pulled for), deleted, future, undated, currency, the mapped columns, PROBLEM and RAW.
    """
    if not rows.height or not source.events:
        return Mapped(pl.DataFrame(schema=EMPTY))
    rows = rows.with_row_index(RAW)
    parts, dropped = [], 0
    for number, event in enumerate(source.events):
        chosen = rows.filter(holds(rows, event.when, source.date_formats, source.time_zone)) if event.when else rows
        dropped += rows.height - chosen.height
        parts.append(_events(source, number, chosen, kinds))
    return Mapped(pl.concat(parts, how="diagonal_relaxed"), {"not_this_event": dropped} if dropped else {})


def _events(source: Source, number: int, rows: pl.DataFrame, kinds: dict[str, pl.DataType]) -> pl.DataFrame:
    event, problems = source.events[number], [rows[PROBLEM]]
    customer = as_ids(rows[str(event.customer_id or source.customer_id)])
    occurred, _ = _time(source, rows, event.valid_from or event.occurred_at, "occurred_at", problems)
    stated = _stated(source, event, rows, occurred, problems)
    columns = [_column(source, rows, ours, value, kinds, problems) for ours, value in event.columns.items()]
    fixed = [pl.Series(ours, [value]).new_from_index(0, rows.height) for ours, value in event.constants.items()]
    deleted = holds(rows, event.deleted or source.deleted, source.date_formats, source.time_zone)
    return pl.DataFrame(
        [
            rows[RAW],
            _event_id(source, number, rows, customer, occurred).alias("event_id"),
            customer.alias("customer_id"),
            _kind(event, rows).alias("kind"),
            occurred.alias("occurred_at"),
            stated.alias("stated_at"),
            rows[DAY].alias("batch"),
            (deleted if event.deleted or source.deleted else ~deleted).alias("deleted"),
            pl.Series("future", [event.future]).new_from_index(0, rows.height),
            pl.Series("undated", [not (event.valid_from or event.occurred_at)]).new_from_index(0, rows.height),
            *([as_ids(rows[source.currency.column]).alias("currency")] if source.currency and source.currency.column else []),
            *[column for column in columns if column.dtype != pl.Null],
            *[_typed(column, kinds) for column in fixed],
            _first(problems).alias(PROBLEM),
        ]
    )


def _kind(event: Event, rows: pl.DataFrame) -> pl.Series:
    if event.kind.column:
        return as_ids(rows[event.kind.column])
    return pl.Series([event.kind.constant], dtype=pl.String).new_from_index(0, rows.height)


def _event_id(source: Source, number: int, rows: pl.DataFrame, customer: pl.Series, occurred: pl.Series) -> pl.Series:
    """Return what identifies each event; a customer's facts are identified by the customer and since when they hold."""
    event, suffix = source.events[number], suffix_of(source, number)
    names = event.event_id or source.event_id
    if names:
        parts = [as_ids(rows[name]) for name in names]
    else:
        parts = [customer] + ([occurred.dt.strftime("%Y-%m-%dT%H:%M:%S%.f")] if event.valid_from else [])
    if len(parts) == 1:
        joined = parts[0]
    else:
        something = pl.any_horizontal(part.is_not_null() for part in parts)
        text = pl.concat_str([part.fill_null("") for part in parts], separator="|")
        joined = pl.select(pl.when(something).then(text)).to_series()
    return joined + f":{suffix}" if suffix else joined


def _time(
    source: Source, rows: pl.DataFrame, name: str | None, ours: str, problems: list[pl.Series]
) -> tuple[pl.Series, pl.Series]:
    """Return a time column in UTC and where it was a bare date; a row without any dates is of the day it was pulled for."""
    if name is None:
        return rows[DAY].cast(INSTANT), pl.repeat(True, rows.height, dtype=pl.Boolean, eager=True)
    found, bare = read_times(rows[name], source.date_formats, source.time_zone)
    _note(problems, rows[name], misfits(rows[name], found), f"{ours}: {name} '", "' is no time we can read")
    return found, bare


def _stated(
    source: Source, event: Event, rows: pl.DataFrame, occurred: pl.Series, problems: list[pl.Series]
) -> pl.Series:
    """Return when each row says it was recorded; one that does not say was, at the end of the day it occurred."""
    name = event.recorded_at or source.recorded_at
    silent = pl.select(end_of_day(pl.lit(occurred))).to_series()
    if name is None:
        return silent
    found, bare = _time(source, rows, name, "recorded_at", problems)
    found = found.zip_with(~bare, pl.select(end_of_day(pl.lit(found))).to_series())
    return found.zip_with(found.is_not_null(), silent)


def _column(
    source: Source, rows: pl.DataFrame, ours: str, value: Value, kinds: dict[str, pl.DataType], problems: list[pl.Series]
) -> pl.Series:
    given = rows[value.column]
    found = convert(given, value, kinds.get(ours), source.date_formats, source.time_zone)
    wanted = str(value.type or kinds.get(ours) or found.dtype)
    _note(problems, given, misfits(given, found), f"{ours}: {value.column} '", f"' does not fit its type ({wanted})")
    return found.alias(ours)


def _typed(column: pl.Series, kinds: dict[str, pl.DataType]) -> pl.Series:
    return column.cast(kinds[column.name], strict=False) if column.name in kinds else column


def _note(problems: list[pl.Series], given: pl.Series, bad: pl.Series, before: str, after: str) -> None:
    """Put the problem of the rows in `bad` into words; the common case, none, costs nothing."""
    if bad.any():
        said = pl.Series([before], dtype=pl.String) + given.cast(pl.String, strict=False) + after
        problems.append(said.zip_with(bad, pl.repeat(None, len(bad), dtype=pl.String, eager=True)))


def _first(problems: list[pl.Series]) -> pl.Series:
    return pl.select(pl.coalesce([pl.lit(problem) for problem in problems])).to_series()
