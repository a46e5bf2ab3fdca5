"""What was pulled, and which days are closed: two small tables in the lake.

A closed day's features may have been used: nothing that is recorded on it, or before it, is ever rewritten.
"""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from core.clock import as_day, days
from core.errors import MissingError
from core.settings import Settings, current
from feature_store import tables
from feature_store.sources.configured import load_sources

PULLS = {
    "source": pl.String, "first": pl.Date, "last": pl.Date, "again": pl.Boolean, "read": pl.Int64, "kept": pl.Int64,
    "quarantined": pl.Int64, "dropped": pl.String, "signature": pl.String,
}  # fmt: skip
DAYS = {"source": pl.String, "day": pl.Date, "replay": pl.Boolean}


def pulls(settings: Settings) -> pl.DataFrame:
    """Return one row for each pull, in order: source, first, last, again, read, kept, quarantined, dropped (JSON).

    `again` marks a pull of days that were closed already; signature says which files it read.
    """
    found = tables.read(tables.place(settings, "_pulls"))
    return found.select(*PULLS).sort("source", "first", "last", "again") if found.width else pl.DataFrame(schema=PULLS)


def record_pull(settings: Settings, row: dict[str, Any]) -> None:
    """Keep the report of a pull in place of an earlier one of the same days, or of days within them."""
    mine = pulls(settings).filter(pl.col("source") == row["source"])
    within = (pl.col("first") >= row["first"]) & (pl.col("last") <= row["last"]) & (pl.col("again") == row["again"])
    rows = pl.concat([mine.filter(~within), pl.DataFrame([row], schema=PULLS)])
    tables.replace_rows(tables.place(settings, "_pulls"), rows)


def close_day(
    pulled: Sequence[str], *, day: date | str, replay: bool = False, settings: Settings | None = None
) -> str:
    """Close a day once every source was pulled for it; return the ISO day. A backfilled day is a `replay`.

    Closing again changes nothing, not even whether it was a replay. Raise MissingError when a source was not pulled.
    """
    settings = settings or current()
    day = as_day(day)
    _close(settings, sorted({*pulled, *load_sources(settings)}), [day], replay=replay)
    return day.isoformat()


def close_days(settings: Settings, first: date, last: date, *, replay: bool = False) -> str:
    """Close every day from `first` to `last` for all sources in one go; return the last as ISO day."""
    _close(settings, sorted(load_sources(settings)), days(first, last), replay=replay)
    return last.isoformat()


def last_closed(settings: Settings, source: str | None = None) -> date | None:
    """Return the newest closed day, of one source or of any."""
    closed = _days(settings)
    return (closed if source is None else closed.filter(pl.col("source") == source))["day"].max()  # type: ignore[return-value]


def is_closed(settings: Settings, day: date) -> bool:
    """Whether `day` was closed."""
    return day in _days(settings)["day"].to_list()


def is_replay(settings: Settings, day: date) -> bool:
    """Whether `day` was closed by a backfill, so that nobody may be contacted for it."""
    return bool(_days(settings).filter(pl.col("day") == day)["replay"].any())


def _days(settings: Settings) -> pl.DataFrame:
    found = tables.read(tables.place(settings, "_days"))
    return found.select(*DAYS) if found.width else pl.DataFrame(schema=DAYS)


def _close(settings: Settings, sources: list[str], wanted: list[date], *, replay: bool) -> None:
    _check_pulled(settings, sources, wanted)
    mine = _days(settings).filter(pl.col("source").is_in(sources))
    asked = pl.DataFrame({"source": sources}).join(pl.DataFrame({"day": wanted}), how="cross")
    new = asked.join(mine, on=["source", "day"], how="anti").select("source", "day", replay=pl.lit(replay))
    if new.height:
        tables.replace_rows(tables.place(settings, "_days"), pl.concat([mine, new]))


def _check_pulled(settings: Settings, sources: list[str], wanted: list[date]) -> None:
    done = pulls(settings)
    for source in sources:
        ranges = done.filter(pl.col("source") == source).select("first", "last").rows()
        missing = [day for day in wanted if not any(first <= day <= last for first, last in ranges)]
        if missing:
            raise MissingError(f"{source}: {missing[0]} was not pulled, so the day cannot be closed. "
                               f"Run `beforehand pull --from {missing[0]} --to {missing[-1]}`.")  # fmt: skip


def dropped_of(row: dict[str, Any]) -> dict[str, int]:
    """Return the rules by which rows of a pull were dropped, and how many each."""
    return dict(json.loads(str(row["dropped"])))
