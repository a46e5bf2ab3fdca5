"""News: what a day's events say about flags, customers and arms. Looked at before anything is planned, blind to the arm.

A trouble that is over closes its flag, a wish to be called is noted, a complaint that came in as a source stops us, and a
held-out customer whom somebody contacted is found.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import polars as pl
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from core.clock import as_day, moment_after
from core.errors import ConfigError, unknown_name
from core.settings import Settings, current
from ledger.base import add_once
from ledger.bulk import copy_once
from ledger.contaminations import Contamination
from ledger.database import sessions
from ledger.days import mark_done
from ledger.flags import Flag
from ledger.needs import note_need
from ledger.outcomes import Outcome
from ledger.suppressions import suppress
from outreach.alarm import look_at_rates
from outreach.heldout import units_of
from outreach.holdout import HOLD_OUT
from outreach.playbook import Playbook, load_playbooks

LOOK_BACK = timedelta(days=14)  # events that reach us late
FOUND = ("assignment_id", "scope", "unit_id", "customer_id", "source", "event_id", "occurred_at", "found_at", "note")


def read_news(*, day: date | str, now: datetime, settings: Settings | None = None) -> dict[str, int]:
    """Take in what was known by the end of `day`; return how many flags are over, needs, complaints and contaminations."""
    settings, day = settings or current(), as_day(day)
    with sessions(settings).begin() as session:
        counts = {
            "over": sum(_resolve(session, playbook, day, settings) for playbook in load_playbooks(settings).values()),
            "needs": _note_needs(session, day, settings), "complaints": _note_complaints(session, day, settings, now),
            "contaminated": _find_contaminated(session, day, settings, now),
        }  # fmt: skip
        mark_done(session, day, "news", now=now, counts=counts)
    return counts


def events(settings: Settings, name: str, *, where: str, since: datetime, before: datetime) -> pl.DataFrame:
    """Return event_id, customer_id, occurred_at and recorded_at of the events "source.kind", in their order."""
    from feature_store import lake
    from feature_store.sources.configured import load_sources

    source, _, kind = name.partition(".")
    known = load_sources(settings)
    if source not in known:
        raise ConfigError(unknown_name(where, "source", source, known))
    rows = lake.scan(settings, source, before=before, since=since).filter(pl.col("kind") == kind)
    return rows.select("event_id", "customer_id", "occurred_at", "recorded_at").sort("occurred_at", "event_id").collect()


def _resolve(session: Session, playbook: Playbook, day: date, settings: Settings) -> int:
    """Close the open flags whose trouble is over, by the event that the playbook names; both arms alike."""
    told = playbook.resolved_when
    mine = select(Flag.id, Flag.customer_id, Flag.day).where(Flag.issue == playbook.issue, Flag.state == "open", ~Flag.replay, Flag.day <= day)
    flags = session.execute(mine).all() if told else []
    if not told or not flags:
        return 0
    where = f"{settings.folder / 'playbooks' / f'{playbook.issue}.toml'}: resolved_when.event"
    first = moment_after(min(flag.day for flag in flags))
    found = events(settings, told.event, where=where, since=first, before=moment_after(day))
    times = {customer: moments for customer, moments in found.group_by("customer_id").agg("occurred_at").iter_rows()}
    over = [flag.id for flag in flags if any(
        moment_after(flag.day) <= moment < moment_after(flag.day + timedelta(days=told.within_days))
        for moment in times.get(flag.customer_id, ()))]  # fmt: skip
    if over:
        session.execute(update(Flag).where(Flag.id.in_(over)).values(state="over", closed_on=day))
        values = {"flags": over, "at": moment_after(day)}
        session.execute(RESOLVED, values)
    return len(over)


def _note_needs(session: Session, day: date, settings: Settings) -> int:
    """Note who needs a person, by the events that settings name."""
    wanted = settings.outreach.needs_events
    found = [(customer, kind, name, at) for name, kind in wanted.items()
             for customer, at in _recent(settings, name, "needs_events", day).select("customer_id", "occurred_at").iter_rows()]  # fmt: skip
    for customer, kind, name, at in found:
        note_need(session, customer, kind, source=name, now=at)
    return len(found)


def _note_complaints(session: Session, day: date, settings: Settings, now: datetime) -> int:
    """Take complaints that came in as a source for what they are: the newest message before it, and no more of them."""
    rows = pl.concat([pl.DataFrame(schema={"customer_id": pl.String, "occurred_at": pl.Datetime("us", "UTC")}), *(
        _recent(settings, name, "complaint_events", day).select("customer_id", "occurred_at")
        for name in settings.outreach.complaint_events)])  # fmt: skip
    outcomes, suppressed = [], []
    for customer, at in rows.iter_rows():
        if (message := session.scalar(LAST_TOLD, {"customer": customer, "at": at})) is not None:
            outcomes.append({"message_id": message, "kind": "complained", "occurred_at": at, "recorded_at": now, "detail": None})
        suppressed.append({"subject": customer, "topic": "all", "reason": "complaint", "since": at})
    suppress(session, suppressed)
    new = add_once(session, Outcome, outcomes, key=["message_id", "kind"])
    if new:
        look_at_rates(session, settings, now=now)
    return new


def _find_contaminated(session: Session, day: date, settings: Settings, now: datetime) -> int:
    """Find held-out customers whom somebody contacted, by the events that settings name."""
    found = 0
    for name in settings.outreach.outbound_events:
        rows = _recent(settings, name, "outbound_events", day)
        contacts = [(customer, event, at, None) for event, customer, at, _ in rows.iter_rows()]
        found += contaminations(session, contacts, source=name, now=now)
    return found


def contaminations(
    session: Session, contacts: Iterable[tuple[str, str, datetime, str | None]], *, source: str, now: datetime
) -> int:
    """Write down which of some contacts (customer, event id, when, note) reached somebody held out; return how many are new."""
    listed = list(contacts)
    units = units_of(session, {customer for customer, *_ in listed})
    columns = {"units": [units[c] for c, *_ in listed], "customers": [c for c, *_ in listed],
               "events": [e for _, e, _, _ in listed], "ats": [at for *_, at, _ in listed], "notes": [note for *_, note in listed]}  # fmt: skip
    rows = session.execute(HELD_OUT_THEN, {**columns, "arm": HOLD_OUT}).all() if listed else []
    found = [(r.id, r.scope, r.unit_id, r.customer_id, source, r.event_id, r.at, now, r.note) for r in rows]
    return copy_once(session, Contamination, FOUND, found, key=("assignment_id", "source", "event_id")) if found else 0


def _recent(settings: Settings, name: str, key: str, day: date) -> pl.DataFrame:
    """Return the events that were recorded on `day` or a few days before it."""
    where = f"{settings.folder / 'settings.toml'}: outreach.{key}"
    before = moment_after(day)
    return events(settings, name, where=where, since=before - 3 * LOOK_BACK, before=before).filter(
        pl.col("recorded_at") >= before - LOOK_BACK)  # fmt: skip


RESOLVED = text("""
    INSERT INTO outcomes (message_id, kind, occurred_at, recorded_at, detail)
    SELECT m.id, 'resolved', :at, :at, NULL FROM messages m WHERE m.flag_id = ANY(:flags) AND m.kind = 'notice'
    ON CONFLICT DO NOTHING
""")

LAST_TOLD = text("""
    SELECT m.id FROM flags f JOIN messages m ON m.flag_id = f.id
    WHERE f.customer_id = :customer AND m.claimed_at <= :at AND m.state NOT IN ('planned', 'claimed', 'refused')
    ORDER BY m.claimed_at DESC LIMIT 1
""")

# Held out when it happened: drawn before the contact, and still frozen on its day. Units that merged are found through
# their customers.
HELD_OUT_THEN = text("""
    WITH told AS (
        SELECT * FROM unnest(CAST(:units AS text[]), CAST(:customers AS text[]), CAST(:events AS text[]),
                             CAST(:ats AS timestamptz[]), CAST(:notes AS text[])) AS t(unit_id, customer_id, event_id, at, note)
    )
    SELECT DISTINCT a.id, a.scope, told.unit_id, told.customer_id, told.event_id, told.at, told.note
    FROM told JOIN assignments a ON a.unit_id = told.unit_id OR a.customer_id = told.customer_id
    WHERE a.arm = :arm AND a.assigned_at <= told.at AND told.at < a.frozen_until
""")
