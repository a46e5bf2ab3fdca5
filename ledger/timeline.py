"""Timeline: everything the ledger knows of one customer, as entries in one order, the newest first, a page at a time.

It reads the tables of the other nouns and has none of its own. Each part finds its rows by an index on the customer, on one of
their flags or on one of their messages; the page is cut by key (instant, place of the kind, id), so that nothing is counted or skipped over.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, select, text
from sqlalchemy.orm import Session

from core.errors import LedgerError
from ledger.customers import Customer

PAGE = 40
HIDDEN = "m.issue = ANY(CAST(:hidden AS text[]))"

FLAGS = """
    SELECT f.created_at AS at, 'flag' AS kind, f.id::text AS id, jsonb_build_object(
        'flag_id', f.id, 'issue', f.issue, 'day', f.day, 'probability', f.probability, 'days_until', f.days_until,
        'reasons', f.reasons, 'evidence', f.evidence, 'detector', f.detector, 'learned', f.model_sha IS NOT NULL,
        'replay', f.replay, 'state', f.state, 'cohort', c.state, 'planned', c.planned_at IS NOT NULL, 'trimmed', COALESCE(c.trimmed @> to_jsonb(f.id), false),
        'passed', v.passed, 'refused', v.reasons, 'label', l.label, 'left_out', NOT t.chosen) AS facts
    FROM flags f LEFT JOIN cohorts c ON c.issue = f.issue AND c.day = f.day
    LEFT JOIN verdicts v ON v.flag_id = f.id LEFT JOIN labels l ON l.flag_id = f.id LEFT JOIN targets t ON t.flag_id = f.id
    WHERE f.customer_id = :customer"""
TROUBLE = """
    SELECT f.closed_on::timestamp AT TIME ZONE 'UTC', 'trouble', f.id::text, jsonb_build_object(
        'flag_id', f.id, 'issue', f.issue, 'flagged_on', f.day, 'state', f.state)
    FROM flags f WHERE f.customer_id = :customer AND f.closed_on IS NOT NULL"""
MESSAGES = f"""
    SELECT m.planned_at, 'message', m.id::text, jsonb_build_object(
        'key', m.key, 'issue', m.issue, 'day', m.day, 'message', m.kind, 'channel', m.channel, 'state', m.state,
        'reasons', m.reasons, 'due_at', m.due_at, 'settled_at', m.settled_at, 'playbook', m.playbook_version)
    FROM flags f JOIN messages m ON m.flag_id = f.id
    WHERE f.customer_id = :customer AND NOT {HIDDEN} AND NOT (m.state = 'held_out' AND :blind)"""
OUTCOMES = f"""
    SELECT o.occurred_at, 'outcome', o.message_id || ' ' || o.kind, jsonb_build_object(
        'issue', m.issue, 'message', m.kind, 'outcome', o.kind, 'detail', o.detail)
    FROM flags f JOIN messages m ON m.flag_id = f.id JOIN outcomes o ON o.message_id = m.id
    WHERE f.customer_id = :customer AND NOT {HIDDEN} AND NOT (m.state = 'held_out' AND :blind)"""
ANSWER_OF = "SELECT 1 FROM messages m WHERE m.id = c.message_id AND " + HIDDEN
CONTACTS = """
    SELECT c.received_at, 'contact', c.id::text, jsonb_build_object(
        'contact', c.kind, 'text', c.text, 'handled_at', c.handled_at, 'handled_by', c.handled_by, 'note', c.note)
    FROM contacts c WHERE c.customer_id = :customer AND c.message_id IS NULL"""
REPLIES = f"""
    SELECT c.received_at, 'reply', c.id::text, jsonb_build_object(
        'contact', c.kind, 'text', c.text, 'handled_at', c.handled_at, 'handled_by', c.handled_by, 'note', c.note)
    FROM contacts c WHERE c.customer_id = :customer AND c.message_id IS NOT NULL AND NOT EXISTS ({ANSWER_OF})"""
SURVEYS = f"""
    SELECT s.answered_at, 'survey', s.message_id::text, jsonb_build_object('score', s.score, 'text', s.text, 'of', 'message')
    FROM survey_answers s WHERE s.customer_id = :customer
      AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = s.message_id AND {HIDDEN})
    UNION ALL
    SELECT s.answered_at, 'survey', s.assignment_id || ' ' || s.kind || ' ' || s.horizon_months, jsonb_build_object(
        'score', s.score, 'text', '', 'of', s.kind)
    FROM assignments a JOIN surveys s ON s.assignment_id = a.id
    WHERE a.customer_id = :customer AND s.answered_at IS NOT NULL"""
ACTIONS = f"""
    SELECT m.planned_at, 'action', m.id::text, jsonb_build_object(
        'issue', m.issue, 'what', m.what, 'state', m.state, 'settled_at', m.settled_at, 'receipt', m.receipt)
    FROM actions m WHERE m.customer_id = :customer AND NOT {HIDDEN}
    UNION ALL
    SELECT g.asked_at, 'action', 'g' || g.id, jsonb_build_object(
        'issue', g.issue, 'what', 'gesture: ' || g.kind, 'state', g.state, 'settled_at', g.settled_at, 'cents', g.cents)
    FROM gestures g WHERE g.customer_id = :customer"""
CALLS = f"""
    SELECT l.listed_at, 'call', l.message_key, jsonb_build_object(
        'says', l.says, 'verdict', l.verdict, 'settled_at', l.settled_at, 'settled_by', l.settled_by, 'asked_by', l.asked_by)
    FROM calls l WHERE l.customer_id = :customer
    UNION ALL
    SELECT l.listed_at, 'call', l.message_key, jsonb_build_object(
        'says', l.says, 'verdict', l.verdict, 'settled_at', l.settled_at, 'settled_by', l.settled_by, 'asked_by', NULL)
    FROM flags f JOIN messages m ON m.flag_id = f.id JOIN calls l ON l.message_key = m.key
    WHERE f.customer_id = :customer AND l.customer_id IS NULL AND NOT {HIDDEN}"""
NOTES = """
    SELECT n.written_at, 'note', n.id::text, jsonb_build_object('text', n.text, 'written_by', n.written_by)
    FROM notes n WHERE n.customer_id = :customer"""
WISHES = """
    SELECT s.since, 'wish', s.topic || ' ' || s.reason, jsonb_build_object('topic', s.topic, 'wish', min(s.reason))
    FROM suppressions s WHERE s.subject = ANY(CAST(:names AS text[])) GROUP BY s.since, s.topic, s.reason
    UNION ALL
    SELECT p.changed_at, 'wish', p.topic || ' ' || p.channel, jsonb_build_object(
        'topic', p.topic, 'wish', CASE WHEN p.wanted THEN 'wanted' ELSE 'not_wanted' END, 'channel', p.channel)
    FROM preferences p WHERE p.customer_id = :customer
    UNION ALL
    SELECT n.since, 'wish', n.kind, jsonb_build_object('topic', NULL, 'wish', n.kind, 'source', n.source)
    FROM needs n WHERE n.customer_id = :customer"""
ARMS = """
    SELECT a.assigned_at, 'arm', a.id::text, jsonb_build_object(
        'scope', a.scope, 'arm', a.arm, 'share', a.share, 'mode', a.mode, 'until', a.frozen_until, 'playbook', a.playbook_version)
    FROM assignments a WHERE a.customer_id = :customer AND a.scope <> ALL(CAST(:hidden AS text[]))"""
# In the order in which things of one instant follow from each other.
PARTS = {"flag": FLAGS, "arm": ARMS, "action": ACTIONS, "message": MESSAGES, "call": CALLS, "outcome": OUTCOMES, "reply": REPLIES,
         "contact": CONTACTS, "survey": SURVEYS, "wish": WISHES, "trouble": TROUBLE, "note": NOTES}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One thing that happened to, or was said of, one customer."""

    at: datetime
    kind: str
    id: str
    facts: dict[str, Any]

    @property
    def key(self) -> str:
        """Where a next page begins."""
        return f"{self.at.isoformat()}~{self.kind}~{self.id}"


def timeline(
    session: Session, customer_id: str, *, kinds: Collection[str] = (), hidden: Sequence[str] = (), after: str | None = None,
    limit: int = PAGE,
) -> list[Entry]:  # fmt: skip
    """Return up to `limit` entries of the `kinds` (none: all), older than the entry whose key is `after`.

    `hidden` are the scopes whose arms must not be seen, nor what gives them away (outreach.blind).
    """
    chosen = [kind for kind in PARTS if not kinds or kind in kinds]
    if not chosen:
        return []
    address = session.scalar(select(Customer.address).where(Customer.customer_id == customer_id))
    values = {"customer": customer_id, "names": [name for name in (customer_id, address) if name], "hidden": list(hidden),
              "blind": bool(hidden), "limit": limit, "kinds": list(PARTS), **_cursor(after)}  # fmt: skip
    rows = session.execute(_statement(tuple(chosen), after is not None), values)
    return [Entry(row.at, row.kind, row.id, row.facts) for row in rows]


def _statement(kinds: tuple[str, ...], goes_on: bool) -> TextClause:
    # A part that the customer has no rows for costs one look into an index.
    parts = " UNION ALL ".join(f"({PARTS[kind]})" for kind in kinds)
    place = "array_position(CAST(:kinds AS text[]), {})"
    older = f'WHERE (at, {place.format("kind")}, id COLLATE "C") < (:at, {place.format(":kind")}, :id COLLATE "C")' if goes_on else ""
    return text(f"""
        SELECT at, kind, id, facts FROM (SELECT NULL::timestamptz AS at, '' AS kind, '' AS id, NULL::jsonb AS facts WHERE false
        UNION ALL {parts}) AS e {older}
        ORDER BY at DESC, {place.format("kind")} DESC, id COLLATE "C" DESC LIMIT :limit
    """.replace("::", "\\:\\:"))


def _cursor(after: str | None) -> dict[str, Any]:
    if after is None:
        return {}
    moment, _, rest = after.partition("~")
    kind, _, entry = rest.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError as error:
        raise LedgerError(f"timeline: after: no place to go on from, got {after!r}. Open the customer's page again.") from error
    return {"at": at, "kind": kind, "id": entry}
