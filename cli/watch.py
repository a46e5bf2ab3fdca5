"""`beforehand watch`: whether the models in use still do what they were trained to do."""

from datetime import date
from typing import Any

from sqlalchemy import select

from cli.options import Day, day_or_yesterday
from cli.play import morning_after
from cli.voice import VOICE, configured
from core.settings import Settings


def watch(day: Day = None) -> None:
    """Look at drift, calibration, live precision and age of every model in use; one that failed or is stale stops sending."""
    from detectors.watch import watch_day

    settings, as_of = configured(), day_or_yesterday(day)
    counts = watch_day(day=as_of, now=morning_after(as_of), settings=settings)
    rows = _looks(settings, as_of)
    VOICE.table(f"Models in use as of {as_of}", ["issue", "detector", "looked at", "", "found"],
                [[r["issue"], r["detector"], r["kind"], "ALARM" if r["alarm"] else "-" if r["value"] is None else "ok", r["why"]]
                 for r in rows])  # fmt: skip
    stops = sorted({r["issue"] for r in rows if r["alarm"] and r["kind"] in ("failed", "stale")})
    said = [f"{counts['alarms']} of {counts['looks']} looks alarm."] if rows else ["No model is in use yet."]
    VOICE.result({"day": as_of, **counts, "watches": rows}, said + [f"Sending is stopped for {name}." for name in stops])


def _looks(settings: Settings, day: date) -> list[dict[str, Any]]:
    from ledger.database import sessions
    from ledger.watches import Watch

    with sessions(settings)() as session:
        found = session.scalars(select(Watch).where(Watch.day == day).order_by(Watch.issue, Watch.detector, Watch.kind))
        return [{name: getattr(row, name) for name in ("issue", "detector", "kind", "value", "n", "alarm", "why", "detail")}
                for row in found]  # fmt: skip
