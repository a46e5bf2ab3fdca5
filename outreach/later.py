"""Later messages about a flag that was told of: update, fixed, survey; each at most once, each stopped when it is no longer true.

update    so many days after the notice, while the trouble is not over
fixed     once the action's receipt came after the notice, or the trouble was over, so many days later
survey    so many days after the trouble was over
Held-out customers were told nothing, so nothing follows. While a gesture about the flag waits for somebody's word, so do they.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.bulk import copy_once
from ledger.gestures import flags_undecided
from ledger.messages import SENT, Message, State
from outreach.gate import WOULD_BE_SENT, Candidate, gather, refusals, when
from outreach.playbook import Playbook
from outreach.playbook_checks import LATER

LOOK_BACK_DAYS = 190  # nothing is due later than that


def plan_later(session: Session, playbooks: Mapping[str, Playbook], *, settings: Settings, now: datetime) -> int:
    """Plan the later messages that are due by `now`; return how many are new, those the gate refused among them."""
    from outreach.plan import COLUMNS, message_key

    kinds = [(issue, kind, later.after_days) for issue, playbook in playbooks.items() if playbook.mode != "shadow"
             for kind in LATER if (later := playbook.later(kind))]  # fmt: skip
    if not kinds:
        return 0
    candidates = _candidates(session, kinds, now)
    facts = gather(session, candidates, playbooks, settings=settings, now=now, counting=WOULD_BE_SENT)
    undecided = flags_undecided(session, [c.flag_id for c in candidates])
    rows = []
    for c in candidates:
        reasons = refusals(c, facts)
        due_at, _ = when(c, facts)
        if not reasons:
            facts.add(c, due_at)
            facts.pace.take(due_at)
        state = State.SUPPRESSED if reasons else State.PLANNED
        key = message_key(settings, issue=c.issue, customer_id=c.customer_id, day=c.day, kind=c.kind)
        rows.append((key, c.flag_id, c.kind, c.issue, playbooks[c.issue].version, c.customer_id, c.unit_id, c.channel, c.day,
                     str(state), reasons, now, due_at, 0, c.flag_id in undecided))  # fmt: skip
    return copy_once(session, Message, (*COLUMNS, "needs_approval"), rows, key=("flag_id", "kind")) if rows else 0


def _candidates(session: Session, kinds: list[tuple[str, str, int]], now: datetime) -> list[Candidate]:
    issues, names, days = zip(*kinds, strict=True)
    values = {"issues": list(issues), "kinds": list(names), "days": list(days), "now": now, "sent": [str(state) for state in SENT],
              "back": LOOK_BACK_DAYS}  # fmt: skip
    return [Candidate(*row) for row in session.execute(DUE, values)]


# The notice says that a customer was told and through which channel; the flag and the action say how it went on.
DUE = text("""
    WITH asked AS (
        SELECT * FROM unnest(CAST(:issues AS text[]), CAST(:kinds AS text[]), CAST(:days AS int[])) AS t(issue, kind, after_days)
    ), told AS (
        SELECT n.*, COALESCE(n.claimed_at, n.due_at) AS told_at FROM messages n
        WHERE n.kind = 'notice' AND n.state = ANY(CAST(:sent AS text[])) AND n.issue = ANY(CAST(:issues AS text[]))
          AND n.day > CAST(:now AS timestamptz)::date - CAST(:back AS int)
    )
    SELECT f.id, f.issue, f.day, f.state, f.replay, f.customer_id, n.unit_id, c.address, COALESCE(c.consent, false) AS consent,
           c.time_zone, c.country, c.phone, f.probability, f.days_until, asked.kind, n.channel
    FROM asked JOIN told n USING (issue) JOIN flags f ON f.id = n.flag_id
    LEFT JOIN customers c ON c.customer_id = n.customer_id
    LEFT JOIN actions a ON a.flag_id = f.id AND a.what <> 'gesture'
    WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.flag_id = f.id AND m.kind = asked.kind)
      AND CASE asked.kind
          WHEN 'update' THEN f.state = 'open' AND a.state IS DISTINCT FROM 'done' AND n.told_at <= :now - make_interval(days => asked.after_days)
          WHEN 'fixed' THEN (a.state = 'done' AND a.settled_at > n.told_at AND f.state IN ('open', 'over')
                             AND a.settled_at <= :now - make_interval(days => asked.after_days))
                         OR (f.state = 'over' AND f.closed_on <= CAST(:now AS timestamptz)::date - asked.after_days)
          WHEN 'survey' THEN f.state = 'over' AND f.closed_on <= CAST(:now AS timestamptz)::date - asked.after_days
          END
    ORDER BY f.id, array_position(ARRAY['fixed', 'update', 'survey'], asked.kind)
""")
