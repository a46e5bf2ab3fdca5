"""Delta tables of the lake: opened once in a process, followed through their log, changed in one commit."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import ColumnProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from upath import UPath

from core.settings import Settings

ATTEMPTS = 5
BOUNDS = ("occurred_at", "recorded_at", "deleted", "corrects")  # columns whose least and greatest values may be noted
_PLAIN = ColumnProperties(statistics_enabled="NONE", dictionary_enabled=False)
_WORDS = ColumnProperties(statistics_enabled="NONE", dictionary_enabled=True)
_TIMES = ColumnProperties(dictionary_enabled=False)  # hardly two rows share an instant
_WRITER = WriterProperties(
    compression="ZSTD",
    compression_level=1,
    column_properties={
        "customer_id": _WORDS,
        **dict.fromkeys(("event_id", "event_hash", "content_hash", "customer_hash"), _PLAIN),
        **dict.fromkeys(("occurred_at", "recorded_at"), _TIMES),
    },
)
_OPEN: dict[str, DeltaTable] = {}
_FILES: dict[str, tuple[int, pl.DataFrame]] = {}


def place(settings: Settings, *parts: str) -> str:
    """Return the address of a table below <root>/lake; a local one is absolute."""
    path = settings.root.joinpath("lake", *parts)
    return os.path.abspath(str(path)) if is_local(path) else str(path)


def is_local(path: UPath | Path) -> bool:
    """Whether a path is on this machine's disks."""
    return getattr(path, "protocol", "") in ("", "file", "local")


def open_table(uri: str) -> DeltaTable | None:
    """Return the table at its newest version, or None where there is none yet."""
    table = _OPEN.get(uri)
    if table is not None and _still_there(uri, table):
        table.update_incremental()
        return table
    _forget(uri)
    try:
        _OPEN[uri] = DeltaTable(uri)
    except TableNotFoundError:
        return None
    return _OPEN[uri]


def live_files(uri: str) -> pl.DataFrame:
    """Return the table's live files (path, rows, recorded_on, batch, bounds), read from its log, never from the folder."""
    table = open_table(uri)
    if table is None:
        return pl.DataFrame()
    version, files = _FILES.get(uri, (-1, pl.DataFrame()))
    if version != table.version():
        files = pl.DataFrame(table.get_add_actions(flatten=True)).rename(lambda name: name.removeprefix("partition."))
        files = files.with_columns(path=pl.lit(f"{uri}/") + pl.col("path"))
        _FILES[uri] = (table.version(), files)
    return files


def scan_files(paths: list[str], kinds: dict[str, pl.DataType] | None = None) -> pl.LazyFrame:
    """Return the rows of some of a table's files; columns that came later are empty in older files."""
    days = {"recorded_on": pl.Date(), "batch": pl.Date()}
    stored = {name: kind for name, kind in (kinds or {}).items() if name not in days}
    return pl.scan_parquet(
        paths, glob=False, hive_partitioning=True, hive_schema=days, schema=stored or None, missing_columns="insert"
    )


def schema(uri: str) -> dict[str, pl.DataType]:
    """Return the table's columns and their types; nothing where there is no table."""
    table = open_table(uri)
    return dict(pl.DataFrame(table.schema().to_arrow().empty_table()).schema) if table is not None else {}


def rewrite(uri: str, rows: pl.DataFrame, *, predicate: str, partition_by: list[str]) -> None:
    """Put `rows` in place of those that hold for `predicate`, in one commit: a crash leaves the old state whole."""
    table = open_table(uri)
    if table is None:
        bounds = [name for name in BOUNDS if name in rows.columns] or partition_by
        settled = {"delta.dataSkippingStatsColumns": ",".join(bounds)}
        write_deltalake(uri, rows, partition_by=partition_by, configuration=settled, writer_properties=_WRITER)
        return
    known = schema(uri)
    new = [name for name in rows.columns if name not in known]
    rows = rows.with_columns(pl.lit(None, dtype=kind).alias(name) for name, kind in known.items() if name not in rows.columns)
    write = partial(write_deltalake, table, mode="overwrite", predicate=predicate, writer_properties=_WRITER)
    write(rows.select(*known, *new), schema_mode="merge") if new else write(rows.select(*known))


def replace_rows(uri: str, rows: pl.DataFrame) -> None:
    """Put `rows` in place of all that a small table has of their sources; tried again when another process wrote."""
    sources = ", ".join(f"'{name}'" for name in rows["source"].unique().sort())
    for attempt in range(ATTEMPTS):
        try:
            return rewrite(uri, rows, predicate=f"source IN ({sources})", partition_by=["source"])
        except CommitFailedError:
            _forget(uri)
            if attempt == ATTEMPTS - 1:
                raise
    return None


def read(uri: str) -> pl.DataFrame:
    """Return all rows of a small table; an empty frame where there is none."""
    table = open_table(uri)
    return pl.DataFrame(table.to_pyarrow_table()) if table is not None else pl.DataFrame()


def _still_there(uri: str, table: DeltaTable) -> bool:
    """Whether the cached version still exists: the folder may have been removed and made again."""
    return "://" in uri or os.path.exists(f"{uri}/_delta_log/{table.version():020}.json")


def _forget(uri: str) -> Any:
    _FILES.pop(uri, None)
    return _OPEN.pop(uri, None)
