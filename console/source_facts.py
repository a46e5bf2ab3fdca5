"""What the page of the data tells of each source: its newest closed day, what became of its rows, what the gate last found, what waits.

The lake keeps these books in small tables; they are read at most every half minute, however many people look.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from threading import Lock
from typing import Any

import polars as pl

from core.settings import Settings
from feature_store import lake, release
from feature_store.bookkeeping import dropped_of
from feature_store.sources.configured import load_sources
from feature_store.sources.source import Source

KEPT_SECONDS = 30.0
LATELY = timedelta(days=28)
DAYS_SHOWN = 30
_HELD: dict[tuple[str, str], tuple[float, Any]] = {}
_LOCK = Lock()


@dataclass(frozen=True)
class Check:
    """What the gate found in the last pull: of how many expectations how many held."""

    day: str
    held: int
    of: int


@dataclass(frozen=True)
class SourceFacts:
    """One source: how fresh it is, and what became of the rows of its last four weeks."""

    name: str
    role: str
    closed_on: date | None
    pulled_until: date | None
    read: int
    kept: int
    quarantined: int
    dropped: int
    dropped_by: dict[str, int]
    checks: tuple[Check, ...]
    quarantined_on: tuple[date, ...]
    released_waiting: tuple[date, ...]

    def days_late(self, whole: date) -> int:
        """Return how many whole days are not closed yet."""
        return (whole - self.closed_on).days if self.closed_on else 0


def sources(settings: Settings) -> list[SourceFacts]:
    """Return every source of the configuration, by name."""
    return _lately(settings, "sources", lambda: [_facts(settings, each) for _, each in sorted(load_sources(settings).items())])


def quarantine(settings: Settings, source: str) -> list[dict[str, Any]]:
    """Return the newest days of which rows are in quarantine: day, rows, released, and how many by each reason."""
    return _lately(settings, f"quarantine {source}", lambda: [_of_day(settings, source, day) for day in release.days(settings, source)[:DAYS_SHOWN]])


def by_reason(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return for each reason how many rows it holds back, the most first, and how many of them are released."""
    counted = rows.group_by("reason", "may_be_released").agg(pl.len().alias("n"), pl.col("released").sum())
    return counted.sort("n", "reason", descending=[True, False]).to_dicts()


def forget(settings: Settings) -> None:
    """Read the books anew at the next look: something was just changed."""
    with _LOCK:
        for key in [key for key in _HELD if key[0] == str(settings.root)]:
            del _HELD[key]


def has_docs(settings: Settings) -> bool:
    """Whether Data Docs were written: pages on what the gate found, by Great Expectations."""
    return (settings.root / "data_docs" / "index.html").exists()


def _lately(settings: Settings, what: str, look: Callable[[], Any]) -> Any:
    key = (str(settings.root), what)
    with _LOCK:
        at, found = _HELD.get(key, (-KEPT_SECONDS, None))
        if time.monotonic() - at >= KEPT_SECONDS:
            found = look()
            _HELD[key] = (time.monotonic(), found)
        return found


def _facts(settings: Settings, source: Source) -> SourceFacts:
    mine = lake.pulls(settings).filter(pl.col("source") == source.name, ~pl.col("again"))
    until: Any = mine["last"].max()
    recent = mine.filter(pl.col("last") > until - LATELY) if until else mine
    by: dict[str, int] = {}
    for row in recent.iter_rows(named=True):
        for rule, n in dropped_of(row).items():
            by[rule] = by.get(rule, 0) + n
    read, kept, out = (int(recent[name].sum()) for name in ("read", "kept", "quarantined"))
    return SourceFacts(source.name, source.role, lake.last_closed(settings, source.name), until, read, kept, out, sum(by.values()), by,
                       _checks(settings, source), tuple(release.days(settings, source.name)[:DAYS_SHOWN]),
                       tuple(release.waiting(settings, source.name)))  # fmt: skip


def _checks(settings: Settings, source: Source) -> tuple[Check, ...]:
    found = []
    for suite in ("rows", "counts", "days"):
        path = settings.root / "validations" / f"{source.name}_{suite}.json"
        if path.exists():
            told = json.loads(path.read_bytes())
            numbers = told["result"].get("statistics", {})
            found.append(Check(told["day"], int(numbers.get("successful_expectations", 0)), int(numbers.get("evaluated_expectations", 0))))
    return tuple(found)


def _of_day(settings: Settings, source: str, day: date) -> dict[str, Any]:
    found = release.rows(settings, source, day)
    return {"day": day, "rows": found.height, "reasons": by_reason(found)}
