"""Record what was decided: one COPY into a temporary table, then one statement for the verdicts and one for the messages.

What a flag already says (customer, issue, day) is not carried to and fro: the statements join it.
"""

import json
from collections.abc import Sequence
from typing import Any

from psycopg import sql
from sqlalchemy.orm import Session

from outreach.decision import Decision
from outreach.gate import Facts
from outreach.playbook import Playbook

SILENT = "silent"
NONE = "[]"


def write_verdicts_and_messages(session: Session, decisions: Sequence[Decision], facts: Facts) -> None:
    """Write the gate's word on each flag, then its message; rows whose key is there already are left alone."""
    if not decisions:
        return
    versions = json.dumps({issue: playbook.version for issue, playbook in facts.playbooks.items()})
    values = {"now": facts.now, "versions": versions, "salt": facts.settings.outreach.assignment_salt}
    # The driver's own cursor, so that COPY takes part in the session's transaction.
    raw: Any = session.connection().connection.driver_connection
    with raw.cursor() as cursor:
        cursor.execute(HOLDER)
        with cursor.copy("COPY decided FROM STDIN") as copy:
            for each in decisions:
                copy.write_row(_row(each, facts.playbooks[each.candidate.issue]))
        cursor.execute(VERDICTS, values)
        cursor.execute(MESSAGES, values)


def _row(each: Decision, playbook: Playbook) -> tuple[Any, ...]:
    """Return what was decided; what is put right silently is written down as not said."""
    candidate, state, reasons = each.candidate, each.state, each.reasons
    if playbook.silent and state == "planned":
        state, reasons = "suppressed", [SILENT]
    return (candidate.flag_id, candidate.unit_id, candidate.channel, str(state), json.dumps(reasons) if reasons else NONE, each.due_at,
            json.dumps(each.refused) if each.refused else NONE, json.dumps(each.moved) if each.moved else NONE)  # fmt: skip


HOLDER = sql.SQL("""
    CREATE TEMPORARY TABLE IF NOT EXISTS decided (
        flag_id int, unit_id text, channel text, state text, reasons jsonb, due_at timestamptz, refused jsonb, moved jsonb
    ) ON COMMIT DELETE ROWS;
    TRUNCATE decided
""")

VERDICTS = sql.SQL("""
    INSERT INTO verdicts (flag_id, passed, reasons, moved, judged_at)
    SELECT flag_id, refused = '[]', refused, moved, %(now)s FROM decided
    ON CONFLICT (flag_id) DO NOTHING
""")

# The key is the one of outreach.plan.message_key, made where the row is.
MESSAGES = sql.SQL("""
    INSERT INTO messages (key, flag_id, kind, issue, playbook_version, customer_id, unit_id, channel, day, state, reasons,
                          planned_at, due_at, fence)
    SELECT left(encode(sha256(convert_to(concat_ws(E'\\x1f', %(salt)s::text, f.issue, f.customer_id, f.day, 'notice'), 'UTF8')), 'hex'), 32),
           d.flag_id, 'notice', f.issue, %(versions)s::jsonb ->> f.issue, f.customer_id, d.unit_id, d.channel, f.day, d.state, d.reasons,
           %(now)s, d.due_at, 0
    FROM decided d JOIN flags f ON f.id = d.flag_id
    ON CONFLICT (flag_id, kind) DO NOTHING
""")
