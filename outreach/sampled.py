"""The survey of a random sample: planned through the gate for both arms alike, as drawn in the ledger when their horizon passed."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.bulk import copy_once
from ledger.messages import Message, State
from outreach.gate import WOULD_BE_SENT, Candidate, gather, refusals, when
from outreach.playbook import Playbook

ASK_WITHIN_DAYS = 14        # of the draw; later the arms would not be asked at the same time


def plan_sampled(session: Session, playbooks: Mapping[str, Playbook], *, settings: Settings, now: datetime) -> int:
    """Plan the surveys of units that were drawn to be asked; return how many are new, those the gate refused among them."""
    from outreach.plan import COLUMNS, message_key

    asking = [issue for issue, playbook in playbooks.items() if playbook.mode != "shadow" and playbook.measure.survey]
    if not asking:
        return 0
    candidates = [Candidate(*row) for row in session.execute(DRAWN, {"issues": asking, "now": now, "within": ASK_WITHIN_DAYS})]
    facts = gather(session, candidates, playbooks, settings=settings, now=now, counting=WOULD_BE_SENT)
    rows = []
    for c in candidates:
        c.channel = facts.written[c.issue]
        reasons = refusals(c, facts)
        due_at, _ = when(c, facts)
        if not reasons:
            facts.add(c, due_at)
            facts.pace.take(due_at)
        key = message_key(settings, issue=c.issue, customer_id=c.customer_id, day=c.day, kind=c.kind)
        rows.append((key, c.flag_id, c.kind, c.issue, playbooks[c.issue].version, c.customer_id, c.unit_id, c.channel, c.day,
                     str(State.SUPPRESSED if reasons else State.PLANNED), reasons, now, due_at, 0))  # fmt: skip
    return copy_once(session, Message, COLUMNS, rows, key=("flag_id", "kind")) if rows else 0


DRAWN = text("""
    SELECT f.id, f.issue, f.day, f.state, f.replay, f.customer_id, a.unit_id, c.address, COALESCE(c.consent, false) AS consent,
           c.time_zone, c.country, c.phone, f.probability, f.days_until, 'survey' AS kind
    FROM surveys s JOIN assignments a ON a.id = s.assignment_id JOIN flags f ON f.id = a.flag_id
    LEFT JOIN customers c ON c.customer_id = f.customer_id
    WHERE f.issue = ANY(CAST(:issues AS text[])) AND s.due_on >= CAST(:now AS date) - CAST(:within AS int)
      AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.flag_id = f.id AND m.kind = 'survey')
    ORDER BY f.id
""")
