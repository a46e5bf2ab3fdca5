"""Release: a person lets rows out of quarantine whose only fault is an expectation that was too strict.

The next pull of their day, or of a source that is read whole, lets them in; on a closed day they are recorded on the first open one.
What cannot be mapped, or lacks a customer, a time or the company's currency, cannot be released: mend the source instead.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from core.errors import ConfigError, MissingError, unknown_name
from core.settings import Settings
from core.storage import write_whole
from feature_store.sources.configured import load_sources

BREAKS = "breaks "  # how the gate begins a reason that is an expectation's
ROWS = {"file": pl.String, "row": pl.Int64, "kind": pl.String, "event_id": pl.String, "reason": pl.String, "original": pl.String}


def days(settings: Settings, source: str) -> list[date]:
    """Return the days of which rows of a source are in quarantine, the newest first."""
    folder = settings.root / "quarantine" / source
    found = [path.stem for path in folder.glob("*.parquet")] if folder.exists() else []
    return sorted((date.fromisoformat(stem) for stem in found), reverse=True)


def rows(settings: Settings, source: str, day: date) -> pl.DataFrame:
    """Return the quarantined rows of a day: ROWS, and whether they may be and are released. Raise MissingError where there are none."""
    path = settings.root / "quarantine" / source / f"{day.isoformat()}.parquet"
    if source not in load_sources(settings):
        raise ConfigError(unknown_name(settings.folder / "sources", "source", source, load_sources(settings)))
    if not path.exists():
        raise MissingError(f"quarantine/{source}: nothing of {day} is there. Known: {', '.join(map(str, days(settings, source)[:5])) or 'no day'}.")
    found = pl.read_parquet(io.BytesIO(path.read_bytes())).select(pl.col(name).cast(kind) for name, kind in ROWS.items())
    return found.with_columns(may_be_released=pl.col("reason").str.starts_with(BREAKS), released=_is_released(settings, source, found))


def release(settings: Settings, source: str, day: date, reason: str, *, by: str, now: datetime) -> int:
    """Release the rows of a day that are in quarantine for one `reason`; return how many were not released before.

    Raise ConfigError where the reason is none of theirs, or one that cannot be forgiven.
    """
    found = rows(settings, source, day)
    if reason not in found["reason"]:
        raise ConfigError(unknown_name(f"quarantine/{source} {day}", "reason", reason, found["reason"].unique().sort().to_list()))
    if not reason.startswith(BREAKS):
        raise ConfigError(f"quarantine/{source} {day}: {reason!r} cannot be released, nothing could be done with such rows. "
                          "Mend the source, or its file, and pull the day again.")  # fmt: skip
    new = found.filter(pl.col("reason") == reason, ~pl.col("released"))
    note = {"day": day.isoformat(), "reason": reason, "by": by, "at": now.isoformat(), "rows": sorted(set(_digests(new)))}
    if new.height:
        content = json.dumps([*_kept(settings, source), note])
        write_whole(settings.root / "releases" / f"{source}.json", content.encode())
    return new.height


def waiting(settings: Settings, source: str) -> list[date]:
    """Return the days whose released rows no pull has let in yet, the oldest first."""
    released = {date.fromisoformat(note["day"]) for note in _kept(settings, source)}
    return [day for day in reversed(days(settings, source)) if day in released and _has_released(settings, source, day)]


def _has_released(settings: Settings, source: str, day: date) -> bool:
    return bool(rows(settings, source, day).select((pl.col("released") & pl.col("may_be_released")).any()).item())


def forgiven(settings: Settings, source: str, events: pl.DataFrame, reasons: pl.Series) -> pl.Series:
    """Return the gate's reasons without those of rows that a person released."""
    if not _kept(settings, source):
        return reasons
    free = reasons.str.starts_with(BREAKS).fill_null(value=False) & _is_released(settings, source, events)
    return reasons.to_frame("reason").select(pl.when(~free).then("reason").alias("reason"))["reason"]


def signature(settings: Settings, source: str) -> str:
    """Return what changes with each release, so that files that were read already are read once more."""
    kept = _kept(settings, source)
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest() if kept else ""


def _kept(settings: Settings, source: str) -> list[dict[str, Any]]:
    path = settings.root / "releases" / f"{source}.json"
    return json.loads(path.read_bytes()) if path.exists() else []


def _is_released(settings: Settings, source: str, events: pl.DataFrame) -> pl.Series:
    free = {digest for note in _kept(settings, source) for digest in note["rows"]}
    return pl.Series("released", [digest in free for digest in _digests(events)] if free else [False] * events.height, dtype=pl.Boolean)


def _digests(events: pl.DataFrame) -> Sequence[str]:
    """Name each row by a digest of its kind and event id: an id may be a customer's, and a note outlives an erasure."""
    return [hashlib.sha256(f"{kind}\x1f{event}".encode()).hexdigest()[:32] for kind, event in events.select("kind", "event_id").iter_rows()]
