"""Hear what became of messages: read the bodies that came in, and let each event move what it is about.

Duplicates and any order give the same state: events are kept once by their ids, messages only move to the right, of
suppressions the strongest reason and the first day stay, of outcomes the earliest report.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from upath import UPath

from core.settings import Settings, current
from ledger.contacts import add_contacts
from ledger.database import sessions
from ledger.event_bodies import EventBody, empty_bodies, keep_body, read_again, take_unread
from ledger.messages import RANKS, hear
from ledger.outcomes import add_outcomes
from ledger.provider_events import add_events, know
from ledger.suppressions import suppress
from outreach import case_events, reply, sendgrid_events
from outreach.alarm import look_at_rates
from outreach.event import STATE_OF, Event, Kind, Problem
from outreach.reply import Reply

HEAR_LOCK = 0x68656172  # any number nobody else uses: "hear"
AT_ONCE = 20            # bodies a transaction; a body of SendGrid's may hold thousands of events
READERS: dict[str, Callable[[bytes, str], Sequence[Event | Problem | Reply]]] = {
    "sendgrid": sendgrid_events.read, "sendgrid_inbound": reply.read_posted, "mail": reply.read, "webhook": case_events.read,
}  # fmt: skip
FOLDER, DONE = "replies", "read"
OUTCOMES = frozenset({Kind.DELIVERED, Kind.DROPPED, Kind.BOUNCED, Kind.COMPLAINED, Kind.OPTED_OUT})
RANK = {state: n for n, state in enumerate(RANKS)}


def keep(settings: Settings, source: str, body: bytes, content_type: str, *, now: datetime) -> bool:
    """Store what came in, unread; return whether it is new. Raise nothing about its content: that is read later."""
    with sessions(settings).begin() as session:
        return keep_body(session, source=source, body=body, content_type=content_type, now=now)


def hear_events(*, now: datetime, settings: Settings | None = None) -> dict[str, int]:
    """Read every body that waits and let its events move messages; return how many events, replies and problems there were."""
    settings = settings or current()
    counts: Counter[str] = Counter()
    collect_replies(settings, now=now)
    maker = sessions(settings)
    while True:
        with maker.begin() as session:
            session.execute(select(func.pg_advisory_xact_lock(HEAR_LOCK)))
            bodies = take_unread(session, limit=AT_ONCE)
            if not bodies:
                break
            counts += _hear(session, bodies, now)
    with maker.begin() as session:
        if counts["events"]:
            look_at_rates(session, settings, now=now)
        empty_bodies(session, before=now - timedelta(days=settings.outreach.events.keep_bodies_days))
    return dict(counts)


def replay(*, since: datetime, now: datetime, settings: Settings | None = None) -> dict[str, int]:
    """Read again every body received from `since` on: after a reader was mended, or a ledger restored. Changes nothing else."""
    settings = settings or current()
    with sessions(settings).begin() as session:
        read_again(session, since=since)
    return hear_events(now=now, settings=settings)


def collect_replies(settings: Settings, *, now: datetime) -> int:
    """Take the mails (*.eml) that lie in <storage root>/replies, as the mailbox channel's customers answer; return how many."""
    folder = settings.root / FOLDER
    found = sorted(folder.glob("*.eml")) if folder.exists() else []
    for path in found:
        keep(settings, "mail", path.read_bytes(), "message/rfc822", now=now)
        _put_away(path, settings.place(FOLDER, DONE))
    return len(found)


def hear_told(session: Session, events: Sequence[Event], *, now: datetime) -> set[str]:
    """Write events and let them move what they are about; return the keys of the messages that the ledger knows."""
    furthest: dict[str, Any] = {}
    for event in events:
        if event.message_key:
            state = STATE_OF[event.kind]
            furthest[event.message_key] = max(furthest.get(event.message_key, state), state, key=RANK.__getitem__)
    known = hear(session, furthest, now=now)
    add_events(session, [_row(event, now, known=event.message_key in known) for event in events])
    know(session, known)
    about = {row.key: row for row in session.execute(ABOUT, {"keys": list(known)})}
    of_ours = [(event, about[event.message_key]) for event in events if event.message_key in known]
    add_outcomes(session, [_outcome(event, row, now) for event, row in of_ours if event.kind in OUTCOMES])
    suppress(session, [each for event, row in of_ours for each in _suppressions(event, row)])
    return known


def _hear(session: Session, bodies: Sequence[EventBody], now: datetime) -> Counter[str]:
    counts: Counter[str] = Counter()
    events: list[Event] = []
    for body in bodies:
        told = _read(body)
        problems = [each.what for each in told if isinstance(each, Problem)]
        body.read_at, body.problem = now, "; ".join(problems)[:500] or None
        counts["problems"] += len(problems)
        events += [each for each in told if isinstance(each, Event)]
        counts["replies"] += _write_replies(session, [each for each in told if isinstance(each, Reply)], body, now)
    known = hear_told(session, events, now=now)
    counts["events"] += len(events)
    counts["aside"] += sum(event.message_key not in known for event in events)
    return +counts


def _read(body: EventBody) -> Sequence[Event | Problem | Reply]:
    try:
        return READERS[body.source](body.body, body.content_type)
    except (ValueError, LookupError) as error:  # kept as it is: a mended reader can be let loose on it again
        return [Problem(f"{type(error).__name__}: {error}")]


def _row(event: Event, now: datetime, *, known: bool) -> dict[str, Any]:
    return {"provider": event.provider, "event_id": event.event_id, "message_key": event.message_key, "known": known,
            "kind": str(event.kind), "occurred_at": event.occurred_at, "recorded_at": now,
            "detail": dict(event.detail) | ({"hard": "yes"} if event.hard else {})}  # fmt: skip


def _outcome(event: Event, row: Any, now: datetime) -> dict[str, Any]:
    return {"message_id": row.id, "kind": str(event.kind), "occurred_at": event.occurred_at, "recorded_at": now,
            "detail": event.detail.get("reason")}  # fmt: skip


def _suppressions(event: Event, row: Any) -> Iterable[dict[str, Any]]:
    """Yield whom we never write to again: an address that bounced for good; a customer who complained or opted out."""
    because = event.detail.get("because")
    reason = ("hard_bounce" if event.hard
              else "complaint" if event.kind is Kind.COMPLAINED or because == "complaint"
              else "opt_out" if event.kind is Kind.OPTED_OUT or because == "opt_out" else None)  # fmt: skip
    if reason is None:
        return
    if event.address:
        yield {"subject": event.address, "reason": reason, "since": event.occurred_at}
    theirs = event.address is None or event.address == row.address  # a rehearsal's inbox is not the customer's
    if theirs and reason != "hard_bounce":
        yield {"subject": row.customer_id, "reason": reason, "since": event.occurred_at}
    if theirs and event.address is None and row.address:
        yield {"subject": row.address, "reason": reason, "since": event.occurred_at}


def _write_replies(session: Session, replies: Sequence[Reply], body: EventBody, now: datetime) -> int:
    rows = []
    for each in replies:
        row = session.execute(ANSWERED, {"keys": list(each.keys), "sender": each.sender}).first()
        rows.append({
            "source_id": each.source_id, "kind": each.kind, "text": each.text, "received_at": body.received_at,
            "customer_id": row.customer_id if row else None, "message_id": row.id if row else None,
            "flag_id": row.flag_id if row else None,
            "note": None if row and row.address == each.sender else "It came from an address that is not the customer's.",
        })  # fmt: skip
        if row:
            add_outcomes(session, [{"message_id": row.id, "kind": "replied", "occurred_at": body.received_at,
                                    "recorded_at": now, "detail": None}])  # fmt: skip
    return add_contacts(session, rows)


def _put_away(path: UPath, folder: UPath) -> None:
    if path.protocol in ("", "file", "local"):
        path.rename(folder / path.name)
    else:  # an object store cannot move: copy, then remove
        (folder / path.name).write_bytes(path.read_bytes())
        path.unlink()


ABOUT = text("""
    SELECT m.key, m.id, m.customer_id, c.address FROM messages m LEFT JOIN customers c USING (customer_id)
    WHERE m.key = ANY(CAST(:keys AS text[]))
""")

# The message a reply names; where it names none, the newest that went to its sender.
ANSWERED = text("""
    SELECT m.id, m.flag_id, m.customer_id, c.address FROM messages m LEFT JOIN customers c USING (customer_id)
    WHERE m.state NOT IN ('held_out', 'shadow', 'suppressed', 'planned', 'approved')
      AND (m.key = ANY(CAST(:keys AS text[])) OR (c.address = :sender AND :sender <> ''))
    ORDER BY array_position(CAST(:keys AS text[]), m.key::text) NULLS LAST, m.settled_at DESC NULLS LAST, m.id DESC
    LIMIT 1
""")
