"""The lake: one Delta table a source, written a pull at a time, read as it was known at a moment."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl
from deltalake.exceptions import CommitFailedError

from core.errors import SourceError
from core.settings import Settings
from feature_store import tables, versions
from feature_store.bookkeeping import close_day, close_days, is_closed, is_replay, last_closed, pulls

__all__ = ["add", "close_day", "close_days", "is_closed", "is_replay", "last_closed", "pulls", "scan", "schema"]

PARTITIONS = ["recorded_on", "batch"]
INNER = ("event_hash", "content_hash", "customer_hash", "corrects")  # how the lake keeps its books; no reader sees them
EMPTY = {
    "event_id": pl.String(), "customer_id": pl.String(), "kind": pl.String(), "occurred_at": pl.Datetime("us", "UTC"),
    "recorded_at": pl.Datetime("us", "UTC"), "recorded_on": pl.Date(), "batch": pl.Date(), "deleted": pl.Boolean(),
}  # fmt: skip
_STATS_STEP = timedelta(milliseconds=1)  # bounds in the log are cut to whole milliseconds
_CORRECTED: dict[str, pl.DataFrame] = {}


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
    uri = tables.place(settings, source)
    files = tables.live_files(uri)
    kinds = tables.schema(uri)
    if not files.height:
        return pl.LazyFrame(schema={name: kind for name, kind in kinds.items() if name not in INNER} or EMPTY)
    known = files.filter(pl.col("recorded_on") <= before.date(), pl.col("min.recorded_at") < before)
    wanted = known.filter(pl.col("min.occurred_at") < before)
    if since is not None:
        wanted = wanted.filter(pl.col("max.occurred_at") + _STATS_STEP >= since)
        known = known if _has_future(files) else known.filter(pl.col("recorded_on") >= since.date())
    corrected = _corrected(known, kinds)
    parts = _parts(wanted, kinds, corrected, before, since)
    if corrected.events.height:
        rows = tables.scan_files(corrected.paths, kinds).join(corrected.events.lazy(), on="event_hash", how="semi")
        newest = rows.filter(pl.col("recorded_at") < before).sort("recorded_at", "batch")
        newest = newest.unique("event_id", keep="last", maintain_order=True)
        parts.append(newest.filter(*_within(before, since)))
    shown = [name for name in kinds if name not in INNER]
    empty = pl.LazyFrame(schema={name: kinds[name] for name in shown})
    return pl.concat([part.select(shown) for part in parts]) if parts else empty


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


@dataclass
class _Corrected:
    """Events with more than one row, and the files that may hold those rows."""

    events: pl.DataFrame
    paths: list[str]


def _corrected(files: pl.DataFrame, kinds: dict[str, pl.DataType]) -> _Corrected:
    """Find the events of which a later row was written into one of `files`; each file is read once in a process."""
    holding = files.filter(pl.col("max.corrects"))["path"].to_list()
    for path in holding:
        if path not in _CORRECTED:
            rows = tables.scan_files([path], kinds).filter("corrects").select("event_hash")
            _CORRECTED[path] = rows.collect()
    found = [_CORRECTED[path] for path in holding]
    events = pl.concat(found).unique() if found else pl.DataFrame(schema={"event_hash": pl.Int64})
    return _Corrected(events, files["path"].to_list())


def _parts(
    files: pl.DataFrame, kinds: dict[str, pl.DataType], corrected: _Corrected, before: datetime, since: datetime | None
) -> list[pl.LazyFrame]:
    """Return the rows of events that have one row; files that lie wholly inside need no condition."""
    inside = (pl.col("max.recorded_at") < before - _STATS_STEP) & (pl.col("max.occurred_at") < before - _STATS_STEP)
    inside &= ~pl.col("max.deleted")
    if since is not None:
        inside &= pl.col("min.occurred_at") >= since
    whole, cut = files.filter(inside)["path"].to_list(), files.filter(~inside)["path"].to_list()
    parts = [tables.scan_files(whole, kinds)] if whole else []
    if cut:
        parts.append(tables.scan_files(cut, kinds).filter(pl.col("recorded_at") < before, *_within(before, since)))
    if not corrected.events.height:
        return parts
    return [part.join(corrected.events.lazy(), on="event_hash", how="anti") for part in parts]


def _within(before: datetime, since: datetime | None) -> list[pl.Expr]:
    conditions = [~pl.col("deleted"), pl.col("occurred_at") < before]
    return conditions if since is None else [*conditions, pl.col("occurred_at") >= since]


def _has_future(files: pl.DataFrame) -> bool:
    """Whether any event was recorded on a day before it occurred: then its later rows may lie anywhere."""
    return bool((files["max.occurred_at"].dt.date() > files["recorded_on"]).any())
