"""`beforehand quarantine`: rows that may not enter the lake, why, and the act of letting them out."""

from datetime import date
from typing import Annotated

import typer

from cli.options import to_day
from cli.voice import VOICE, configured
from core.clock import now
from core.errors import ConfigError
from core.settings import Settings


def quarantine(
    source: Annotated[str | None, typer.Argument(help="Which source; all of them when not stated.")] = None,
    day: Annotated[str | None, typer.Option(metavar="DAY", help="Show the reasons of one day.")] = None,
    release: Annotated[str | None, typer.Option(metavar="REASON", help="Let the rows of a day with this reason out.")] = None,
    why: Annotated[str, typer.Option(help="Why they are right after all, with --release.")] = "",
    actor: Annotated[str, typer.Option("--as", metavar="NAME", help="Who; goes into the audit trail.")] = "",
) -> None:
    """List the days with rows in quarantine, show one, or let rows out whose only fault is an expectation that was too strict."""
    settings, chosen = configured(), to_day(day)
    if release is None and (source is None or chosen is None):
        _list(settings, source)
    elif source is None or chosen is None:
        raise ConfigError("quarantine --release: of which source and day? Write `beforehand quarantine SOURCE --day DAY --release REASON`.")
    elif release is None:
        _show(settings, source, chosen)
    else:
        _release(settings, source, chosen, release, why, actor)


def _list(settings: Settings, source: str | None) -> None:
    from feature_store.release import days
    from feature_store.sources.configured import load_sources

    rows = [[name, str(day)] for name in sorted(load_sources(settings)) if source in (None, name) for day in days(settings, name)]
    VOICE.table("In quarantine", ["source", "day"], rows)
    VOICE.result({"quarantine": [dict(zip(("source", "day"), row, strict=True)) for row in rows]},
                 ["`beforehand quarantine SOURCE --day DAY` shows why." if rows else "Nothing is in quarantine."])  # fmt: skip


def _show(settings: Settings, source: str, day: date) -> None:
    import polars as pl

    from feature_store.release import rows

    by = rows(settings, source, day).group_by("reason", "may_be_released").agg(pl.len().alias("rows"), pl.col("released").sum()).sort("reason")
    VOICE.table(f"{source} {day}", ["reason", "rows", "released"], [[r["reason"], r["rows"], r["released"]] for r in by.to_dicts()])
    VOICE.result({"source": source, "day": str(day), "reasons": by.to_dicts()},
                 [f"`beforehand quarantine {source} --day {day} --release REASON --why ... --as NAME` lets those out that break an expectation."])  # fmt: skip


def _release(settings: Settings, source: str, day: date, reason: str, why: str, actor: str) -> None:
    from feature_store.release import release
    from ledger.acts import Act
    from ledger.database import sessions

    if not actor or not why:
        raise ConfigError(f"quarantine --release: says who and why, got --as {actor!r} --why {why!r}. Both go into the audit trail.")
    n = release(settings, source, day, reason, by=actor, now=now())
    with sessions(settings).begin() as session:
        session.add(Act(actor=actor, act="release", subject=f"quarantine {source} {day}", detail={"reason": reason, "rows": n, "note": why}, at=now()))
    VOICE.result({"released": n}, [f"{n} rows are let out. The next pull takes them in; at once: beforehand pull {source} --from {day} --to {day}"])
