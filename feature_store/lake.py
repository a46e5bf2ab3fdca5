"""The lake: one Delta table a source, written a pull at a time, read as it was known at a moment."""

from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl
from deltalake.exceptions import CommitFailedError

from core.errors import SourceError
from core.settings import Settings
from feature_store import tables, versions
from feature_store.bookkeeping import close_day, close_days, is_closed, is_replay, last_closed, pulls
from feature_store.look import INNER, Look
from feature_store.look import look as look_at

__all__ = ["add", "close_day", "close_days", "is_closed", "is_replay", "last_closed", "look", "pulls", "scan", "schema"]

PARTITIONS = ["recorded_on", "batch"]
EMPTY = {
    "event_id": pl.String(), "customer_id": pl.String(), "kind": pl.String(), "occurred_at": pl.Datetime("us", "UTC"),
    "recorded_at": pl.Datetime("us", "UTC"), "recorded_on": pl.Date(), "batch": pl.Date(), "deleted": pl.Boolean(),
}  # fmt: skip


@dataclass
class Added:
    """What became of the rows of a pull: `kept`, dropped by rule, and whether days pulled after it must be pulled again.

    They must when rows they were compared with are gone, or when a correction came in before theirs.
    """

    kept: int
    dropped: dict[str, int] = field(default_factory=dict)
    changed: bool = False


def scan(settings: Settings, source: str, *, before: datetime, since: datetime | None = None) -> pl.LazyFrame:
    """Return the events of `source` known before a moment: recorded and occurred before it, occurred since `since`.

    Of rows with one event_id the one recorded last before the moment counts; if it is a deletion, none does. Columns:
    event_id, customer_id, kind, occurred_at, recorded_at, recorded_on, batch, deleted and the source's own.
    """
    found = look(settings, source, before=before, since=since)
    if found is None:
        kinds = schema(settings, source)
        return pl.LazyFrame(schema=kinds or EMPTY)
    return found.lazy()


def look(settings: Settings, source: str, *, before: datetime, since: datetime | None = None) -> Look | None:
    """Return which files and rows `scan` reads, for an engine that reads them itself; None where there are none."""
    return look_at(tables.place(settings, source), before=before, since=since)


def add(settings: Settings, source: str, rows: pl.DataFrame, *, first: date, last: date) -> Added:
    """Write the rows of a pull of `first` to `last` in one commit; a rerun of the same days leaves one copy.

    `rows` has event_id, customer_id, kind, occurred_at, recorded_at, stated_at, batch, deleted and the mapped columns.
    Only what was recorded after the source's last closed day is replaced; recorded_at must lie after that day too.
    """
    uri, closed = tables.place(settings, source), last_closed(settings, source) or date.min
    rows = versions.with_fingerprints(rows.with_row_index("n"))
    known = versions.known(uri)
    open_rows = pl.col("batch").is_between(first, last) & (pl.col("recorded_at").dt.date() > closed)
    replaced = known.filter(open_rows)
    decided = versions.decide(rows, known.filter(~open_rows) if replaced.height else known)
    kept = decided.filter(pl.col("rule").is_null()).with_columns(recorded_on=pl.col("recorded_at").dt.date())
    version = ["event_hash", "content_hash", "recorded_at"]
    gone = replaced.join(kept, on=version, how="anti")
    corrections = kept.filter("corrects").join(replaced, on=version, how="anti")
    if kept.height or replaced.height:
        predicate = f"batch >= '{first}' AND batch <= '{last}' AND recorded_on > '{closed}'"
        _commit(source, uri, kept.sort("recorded_on", "batch", "customer_hash", "n").drop("n", "rule", "stated_at", "undated", strict=False), predicate)
    rules = decided.filter(pl.col("rule").is_not_null())["rule"].value_counts()
    return Added(kept.height, dict(rules.iter_rows()), bool(gone.height or corrections.height))


def schema(settings: Settings, source: str) -> dict[str, pl.DataType]:
    """Return the columns a source has in the lake and their types; nothing before its first pull."""
    return {name: kind for name, kind in tables.schema(tables.place(settings, source)).items() if name not in INNER}


def _commit(source: str, uri: str, rows: pl.DataFrame, predicate: str) -> None:
    try:
        tables.rewrite(uri, rows, predicate=predicate, partition_by=PARTITIONS)
    except CommitFailedError as error:
        raise SourceError(f"{source}: another process wrote these days at the same time. Run the pull again.") from error
