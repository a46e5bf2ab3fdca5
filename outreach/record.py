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
AT_ONCE = 1000  # lines handed to the driver
ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})  # what has a meaning in COPY's text


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
            for start in range(0, len(decisions), AT_ONCE):
                copy.write("".join([_line(each, facts.playbooks[each.candidate.issue]) for each in decisions[start : start + AT_ONCE]]))
        cursor.execute(VERDICTS, values)
        cursor.execute(MESSAGES, values)


def _line(each: Decision, playbook: Playbook) -> str:
    """Return what was decided as a line of COPY's text; what is put right silently is written down as not said."""
    candidate, state, reasons = each.candidate, each.state, each.reasons
    if playbook.silent and state == "planned":
        state, reasons = "suppressed", [SILENT]
    return (f"{candidate.flag_id}\t{candidate.unit_id.translate(ESCAPED)}\t{candidate.channel}\t{state}\t{_json(reasons)}"
            f"\t{each.due_at}\t{_json(each.refused)}\t{_json(each.moved)}\n")  # fmt: skip


def _json(names: Sequence[str]) -> str:
    return json.dumps(names).translate(ESCAPED) if names else NONE


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
