"""Quarantine: rows that may not enter the lake, each with its file, its row, the reason, and the row as it came."""

import io
import json
from collections.abc import Sequence
from datetime import date

import polars as pl

from core.settings import Settings
from core.storage import write_whole
from feature_store.sources.mapping import RAW
from feature_store.sources.reader import FILE, ROW
from feature_store.sources.source import Source, in_braces


def write(source: Source, settings: Settings, wanted: Sequence[date], bad: pl.DataFrame, rows: pl.DataFrame) -> None:
    """Write <root>/quarantine/<source>/<day>.parquet for each of the days pulled, in place of an earlier one.

    `bad` has reason, batch, kind, event_id and the number of its row in `rows`. A day without bad rows has no file.
    """
    folder = settings.root / "quarantine" / source.name
    table = _with_originals(source, bad, rows)
    filled = set(table["day"])
    if folder.exists():
        for file in folder.glob("*.parquet"):
            if file.stem in {day.isoformat() for day in wanted} - {day.isoformat() for day in filled}:
                file.unlink()
    for (day,), part in table.group_by("day", maintain_order=True):
        content = io.BytesIO()
        part.drop("day").write_parquet(content)
        write_whole(folder / f"{day}.parquet", content.getvalue())


def _with_originals(source: Source, bad: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return day, file, row, kind, event_id, reason and the original row as JSON, contact details withheld."""
    withheld = {name for text in source.contact_details.mapped.values() for name in in_braces(text)} if source.contact_details else set()
    withheld -= {source.customer_id, *(event.customer_id for event in source.events)}
    theirs = [name for name in rows.columns if not name.startswith("__")]
    raw = rows[bad[RAW]] if bad.height else rows.clear()
    originals = [
        json.dumps({k: "(withheld)" if k in withheld else v for k, v in row.items()}, default=str, ensure_ascii=False)
        for row in raw.select(theirs).iter_rows(named=True)
    ]
    return pl.DataFrame([
        bad["batch"].alias("day"), raw[FILE].alias("file"), raw[ROW].alias("row"), bad["kind"], bad["event_id"],
        bad["reason"], pl.Series("original", originals, dtype=pl.String),
    ])  # fmt: skip
