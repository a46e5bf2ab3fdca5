"""The roster: every customer known at a moment, and since when in each source.

A customer is known from the first event about them that was ever recorded; a later correction of that very event does
not unmake the acquaintance. Files of the lake never change, so each is read once: what is kept, in lake/_roster and in
memory, are per customer only the rows that were earlier than all recorded before them, in the customers' order, and which files
they came from.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from io import BytesIO

import polars as pl
from upath import UPath

from core.settings import Settings
from core.storage import write_whole
from feature_store import tables

INSTANT = pl.Datetime("us", "UTC")
STAIRS: dict[str, pl.DataType] = {"customer_id": pl.String(), "recorded_at": INSTANT, "occurred_at": INSTANT}
_KEPT: dict[str, tuple[set[str], pl.DataFrame]] = {}


def roster(settings: Settings, sources: Iterable[str], moment: datetime) -> pl.DataFrame:
    """Return customer_id, sorted, and one column a source: when the customer's first event there occurred."""
    return since_when({source: _stairs(tables.place(settings, source)) for source in sources}, moment)


def stairs(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep the rows that occurred before every row of the customer recorded earlier: all that `since_when` needs."""
    ordered = rows.sort("recorded_at", "occurred_at")
    earlier = pl.col("occurred_at").cum_min().shift(1).over("customer_id")
    return ordered.filter((pl.col("occurred_at") < earlier).fill_null(True))


def since_when(stairs: Mapping[str, pl.DataFrame], moment: datetime) -> pl.DataFrame:
    """Return customer_id, sorted, of those with a row recorded and occurred before the moment, and their first one in each source."""
    if not stairs:
        return pl.DataFrame(schema={"customer_id": pl.String})
    before = lambda rows: rows.lazy().filter(pl.col("recorded_at") < moment, pl.col("occurred_at") < moment)
    known = [before(rows).select("customer_id", pl.col("occurred_at").alias(source)) for source, rows in stairs.items()]
    in_order = pl.concat(known, how="diagonal").sort("customer_id")  # quick, as each source's rows are in order
    return in_order.group_by("customer_id", maintain_order=True).agg(pl.col(source).min() for source in stairs).collect()


def _stairs(uri: str) -> pl.DataFrame:
    files = tables.live_files(uri)
    live = set(files["path"]) if files.height else set()
    seen, kept = _KEPT.get(uri) or _stored(uri)
    if not seen <= live:  # files were replaced: what was read of them no longer counts
        seen, kept = set(), pl.DataFrame(schema=STAIRS)
    if live - seen:
        new = tables.scan_files(sorted(live - seen)).filter(~pl.col("deleted"))
        rows = new.select(pl.col(name).cast(kind) for name, kind in STAIRS.items())
        lowest = rows.group_by("customer_id", "recorded_at").agg(pl.col("occurred_at").min())
        kept = lengthened(kept, lowest.select(*STAIRS).collect()).sort("customer_id")
        _store(uri, live, kept)
    _KEPT[uri] = (live, kept)
    return kept


def _place(uri: str) -> UPath:
    table = UPath(uri)
    return table.parent / "_roster" / f"{table.name}.parquet"


def _stored(uri: str) -> tuple[set[str], pl.DataFrame]:
    """Return the files read so far and their stairs; nothing where none are stored."""
    place = _place(uri)
    if not place.exists():
        return set(), pl.DataFrame(schema=STAIRS)
    content = place.read_bytes()
    files = json.loads(pl.read_parquet_metadata(BytesIO(content))["files"])
    return {f"{uri}/{name}" for name in files}, pl.read_parquet(BytesIO(content)).sort("customer_id")


def _store(uri: str, files: set[str], stairs: pl.DataFrame) -> None:
    content = BytesIO()
    names = json.dumps(sorted(name.removeprefix(f"{uri}/") for name in files))
    stairs.write_parquet(content, compression="zstd", compression_level=1, metadata={"files": names}, statistics=False)
    write_whole(_place(uri), content.getvalue())


def lengthened(kept: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Return the stairs of `kept`, stairs already, and `new` together; quick when all of `new` was recorded later."""
    if not kept.height or not new.height or new["recorded_at"].min() <= kept["recorded_at"].max():  # type: ignore[operator]
        return stairs(pl.concat([kept, new]))
    lowest = kept.group_by("customer_id").agg(lowest=pl.col("occurred_at").min())
    lower = new.join(lowest, on="customer_id", how="left").filter((pl.col("occurred_at") < pl.col("lowest")).fill_null(True))
    return pl.concat([kept, stairs(lower.select(*STAIRS))])
