"""Erase a customer from everything below the storage root that the feature store writes: lake, vectors and quarantine.

Each partition that holds them is rewritten without them, replaced files are removed at once, and so are the log entries
that named them. As-of vectors of past days change for this customer alone: that is what erasing means.
"""

import io
import json
from collections.abc import Sequence
from typing import Any

import polars as pl
from deltalake import DeltaTable
from upath import UPath

from core.settings import Settings
from core.storage import write_whole
from feature_store import tables
from feature_store.lake import PARTITIONS


def erase(settings: Settings, customer_id: str, also: Sequence[str] = ()) -> dict[str, int]:
    """Remove every row about a customer, who is known by other names `also` where a row came in broken; return how many rows of the lake, vectors and quarantine are gone."""
    for derived in ("lake/_roster", "vectors/kept"):  # made anew from what is left
        if (settings.root / derived).exists():
            settings.root.joinpath(derived).fs.rm(str(settings.root / derived), recursive=True)
    lake = settings.root / "lake"
    sources = sorted(path.name for path in lake.iterdir() if not path.name.startswith("_")) if lake.exists() else []
    return {"lake": sum(_from_source(settings, source, customer_id) for source in sources),
            "vectors": sum(_from_file(path, pl.col("customer_id") == customer_id) for path in _files(settings, "vectors")),
            "quarantine": sum(_from_file(path, _names(customer_id, *also)) for path in _files(settings, "quarantine"))}  # fmt: skip


def _from_source(settings: Settings, source: str, customer_id: str) -> int:
    """Rewrite the partitions of a source that hold the customer, one commit each, and leave no old file behind."""
    uri = tables.place(settings, source)
    files = tables.live_files(uri)
    if not files.height:
        return 0
    rows = tables.scan_files(files["path"].to_list(), tables.schema(uri))
    theirs = rows.filter(pl.col("customer_id") == customer_id).select(PARTITIONS).collect()
    for recorded_on, batch in theirs.unique().sort(PARTITIONS).iter_rows():
        here = (pl.col("recorded_on") == recorded_on) & (pl.col("batch") == batch)
        left = rows.filter(here, pl.col("customer_id") != customer_id).collect()
        tables.rewrite(uri, left, predicate=f"recorded_on = '{recorded_on}' AND batch = '{batch}'", partition_by=PARTITIONS)
    _leave_nothing_behind(uri)
    return theirs.height


def _leave_nothing_behind(uri: str) -> None:
    """Remove replaced files, and log entries older than a checkpoint of now; also where a killed run left them."""
    table = DeltaTable(uri)
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    table.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"})
    table.create_checkpoint()
    table.cleanup_metadata()
    table.alter.set_table_properties({"delta.logRetentionDuration": "interval 30 days"})
    tables.forget(uri)


def _files(settings: Settings, folder: str) -> list[UPath]:
    return sorted((settings.root / folder).glob("*/*.parquet"), key=str)


def _from_file(path: UPath, theirs: pl.Expr) -> int:
    """Write a file anew without some rows, or leave it alone where it has none of them."""
    rows = pl.read_parquet(io.BytesIO(path.read_bytes()))
    if not {"customer_id", "original"} & set(rows.columns):
        return 0
    left = rows.filter(~theirs)
    if left.height < rows.height:
        content = io.BytesIO()
        left.write_parquet(content)
        write_whole(path, content.getvalue())
    return rows.height - left.height


def _names(*names: str) -> pl.Expr:
    """Return whether a quarantined row, kept as it came, has one of the customer's names as one of its values."""
    theirs = {name.lower() for name in names}

    def mentions(original: str) -> bool:
        row: dict[str, Any] = json.loads(original)
        return any(str(value).strip().lower() in theirs for value in row.values())

    return pl.col("original").map_elements(mentions, return_dtype=pl.Boolean)
