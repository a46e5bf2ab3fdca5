"""`beforehand events`: what providers told us, what is kept aside, and reading it all again."""

from datetime import datetime, time, timedelta
from typing import Annotated, Any

import typer

from cli.options import to_day
from cli.voice import VOICE, configured
from core.clock import UTC, now
from core.errors import ConfigError, unknown_name
from core.settings import Settings

ACTIONS = ("show", "hear", "replay")


def events(
    action: Annotated[str, typer.Argument(help="show | hear (what waits) | replay (read again)")] = "show",
    since: Annotated[str | None, typer.Option("--from", metavar="DAY", help="Replay what came from this day on; default 30 days.")] = None,
) -> None:
    """Show, hear or replay the events that providers and customers sent. Replaying changes nothing that was heard before."""
    from outreach.events import hear_events, replay

    settings, instant = configured(), now()
    if action not in ACTIONS:
        raise ConfigError(unknown_name("events", "action", action, ACTIONS))
    if since is not None and action != "replay":
        raise ConfigError(f"events {action}: --from is for replay only, got {since!r}.")
    if action == "show":
        _show(settings)
        return
    day = to_day(since)
    first = datetime.combine(day, time(), UTC) if day else instant - timedelta(days=30)
    heard = replay(since=first, now=instant, settings=settings) if action == "replay" else hear_events(now=instant, settings=settings)
    words = ", ".join(f"{count:,} {name}" for name, count in heard.items()) or "nothing waited"
    VOICE.result({"heard": heard}, [f"Heard: {words}."])


def _show(settings: Settings) -> None:
    from sqlalchemy import func, select

    from ledger.database import sessions
    from ledger.event_bodies import EventBody, unread
    from ledger.provider_events import ProviderEvent, set_aside

    with sessions(settings).begin() as session:
        by_kind = session.execute(
            select(ProviderEvent.provider, ProviderEvent.kind, func.count(), func.max(ProviderEvent.occurred_at))
            .group_by(ProviderEvent.provider, ProviderEvent.kind).order_by(ProviderEvent.provider, ProviderEvent.kind)).all()  # fmt: skip
        aside = set_aside(session)
        problems = session.execute(select(EventBody.id, EventBody.source, EventBody.received_at, EventBody.problem)
                                   .where(EventBody.problem.is_not(None)).order_by(EventBody.id.desc()).limit(20)).all()  # fmt: skip
        waiting = unread(session)
    VOICE.table("Events", ["provider", "kind", "events", "newest"], [[p, k, f"{n:,}", f"{at:%Y-%m-%d %H:%M}"] for p, k, n, at in by_kind])
    if aside:
        VOICE.table("Kept aside: of messages this ledger does not know", ["provider", "event", "kind", "occurred"],
                    [[e.provider, e.event_id, e.kind, f"{e.occurred_at:%Y-%m-%d %H:%M}"] for e in aside])  # fmt: skip
    if problems:
        VOICE.table("Could not be read", ["body", "from", "received", "problem"],
                    [[b.id, b.source, f"{b.received_at:%Y-%m-%d %H:%M}", b.problem] for b in problems])  # fmt: skip
    facts: dict[str, Any] = {
        "events": [{"provider": p, "kind": k, "events": n, "newest": at} for p, k, n, at in by_kind],
        "aside": [{"provider": e.provider, "event_id": e.event_id, "kind": e.kind} for e in aside],
        "problems": [{"body": b.id, "from": b.source, "problem": b.problem} for b in problems], "unread": waiting,
    }  # fmt: skip
    VOICE.result(facts, [f"{waiting:,} bodies wait to be read." if waiting else "Everything that came in was read."])
