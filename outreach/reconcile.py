"""Reconcile: every flag is accounted for, once, and nobody held out was written to; what does not add up pulls the brake.

flagged = sent + refused + uncertain + planned + held out + suppressed + shadow + waiting + trimmed + rejected + replay
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from core import clock
from core.clock import as_day
from core.errors import LedgerError
from core.settings import Settings, current
from ledger.brakes import pull_brake
from ledger.database import sessions

if TYPE_CHECKING:
    import polars as pl

PARTS = ("sent", "refused", "uncertain", "planned", "held_out", "suppressed", "shadow", "waiting", "trimmed", "rejected",
         "replay")  # fmt: skip
SHOWN = 5


def reconcile(settings: Settings, *, issue: str | None = None, day: date | str | None = None) -> "pl.DataFrame":
    """Return one row a cohort: issue, day, flagged and its PARTS. Raise LedgerError that lists what does not add up."""
    import polars as pl  # half a second: the send loop audits without it

    with sessions(settings).begin() as session:
        rows = audit(session, issue=issue, days=None if day is None else [as_day(day)])
    names = ["issue", "day", "flagged", *PARTS]
    schema: dict[str, Any] = {"issue": pl.String, "day": pl.Date} | {name: pl.Int64 for name in names[2:]}
    return pl.DataFrame([{name: row[name] for name in names} for row in rows], schema=schema)


def reconcile_all(*, now: datetime | None = None, settings: Settings | None = None) -> int:
    """Check every cohort; return how many there are. Where an issue does not add up, its brake is pulled and LedgerError raised."""
    settings = settings or current()
    with sessions(settings).begin() as session:
        rows, problems = counts(session), mismatches(session)
        for issue in sorted({problem.issue for problem in problems}):
            reason = next(problem.says for problem in problems if problem.issue == issue)
            pull_brake(session, issue=issue, kind="mismatch", reason=reason, now=now or clock.now())
    _raise_if(problems)
    return len(rows)


def audit(session: Session, *, issue: str | None = None, days: Iterable[date] | None = None) -> list[dict[str, Any]]:
    """Return one row a cohort of an issue and of `days` (None: all), or raise LedgerError."""
    chosen = None if days is None else sorted(set(days))
    _raise_if(mismatches(session, issue=issue, days=chosen))
    return counts(session, issue=issue, days=chosen)


def counts(session: Session, *, issue: str | None = None, days: Sequence[date] | None = None) -> list[dict[str, Any]]:
    """Return one row a cohort: what was flagged and what became of it."""
    return [dict(row) for row in session.execute(COUNTS, {"issue": issue, "days": days}).mappings()]


@dataclass(frozen=True)
class Mismatch:
    """What does not add up, and of which issue."""

    issue: str
    says: str


def mismatches(session: Session, *, issue: str | None = None, days: Sequence[date] | None = None) -> list[Mismatch]:
    """Return what does not add up, and every message that its verdict or its arm does not allow."""
    found = [Mismatch(row["issue"], says) for row in counts(session, issue=issue, days=days) for says in _mismatches(row)]
    wrong = session.execute(BREACHES, {"issue": issue, "days": days}).mappings()
    return found + [Mismatch(row["issue"], WRONG_ARM.format(**row)) for row in wrong]


def by_arm(session: Session, *, issue: str | None = None) -> list[dict[str, Any]]:
    """Return one row for each issue and arm drawn: how many units, and what became of their first messages."""
    return [dict(row) for row in session.execute(BY_ARM, {"issue": issue}).mappings()]


def _raise_if(problems: Sequence[Mismatch]) -> None:
    if problems:
        more = f" ... and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise LedgerError("the ledger does not reconcile: " + "; ".join(each.says for each in problems[:SHOWN]) + more +
                          ". Nothing more is sent for these days until the rows are mended.")


def _mismatches(row: dict[str, Any]) -> list[str]:
    where = f"{row['issue']} {row['day']}"
    if row["size"] is None:
        return [f"{where}: {row['flagged']} flags have no cohort"]
    found = []
    if row["size"] != row["flagged"]:
        found.append(f"{where}: the cohort was of {row['size']} flags, there are {row['flagged']}")
    total = sum(row[part] for part in PARTS)
    if total != row["flagged"]:
        parts = ", ".join(f"{row[part]} {part}" for part in PARTS if row[part])
        found.append(f"{where}: flagged {row['flagged']}, accounted for {total} ({parts or 'none'})")
    return found


WRONG_ARM = "{issue} {day}: message {key} is {state}, but its verdict or its arm does not allow that"

# Flags and messages are counted apart, so that a row lost on either side shows.
COUNTS = text("""
    WITH f AS (
        SELECT issue, day, count(*) AS flagged FROM flags
        WHERE (CAST(:issue AS text) IS NULL OR issue = :issue) AND (CAST(:days AS date[]) IS NULL OR day = ANY(:days))
        GROUP BY issue, day
    ), m AS (
        SELECT issue, day,
            count(*) FILTER (WHERE state IN ('accepted', 'delayed', 'delivered', 'dropped', 'bounced', 'complained')) AS sent,
            count(*) FILTER (WHERE state = 'refused') AS refused,
            count(*) FILTER (WHERE state = 'uncertain') AS uncertain,
            count(*) FILTER (WHERE state IN ('planned', 'approved', 'claimed')) AS planned,
            count(*) FILTER (WHERE state = 'held_out') AS held_out,
            count(*) FILTER (WHERE state = 'suppressed') AS suppressed,
            count(*) FILTER (WHERE state = 'shadow') AS shadow
        FROM messages
        WHERE kind = 'notice'
          AND (CAST(:issue AS text) IS NULL OR issue = :issue) AND (CAST(:days AS date[]) IS NULL OR day = ANY(:days))
        GROUP BY issue, day
    ), c AS (
        SELECT *, jsonb_array_length(trimmed) AS taken_out FROM cohorts
        WHERE (CAST(:issue AS text) IS NULL OR issue = :issue) AND (CAST(:days AS date[]) IS NULL OR day = ANY(:days))
    )
    SELECT issue, day, c.size, COALESCE(flagged, 0) AS flagged,
        COALESCE(sent, 0) AS sent, COALESCE(refused, 0) AS refused, COALESCE(uncertain, 0) AS uncertain,
        COALESCE(planned, 0) AS planned, COALESCE(held_out, 0) AS held_out, COALESCE(suppressed, 0) AS suppressed,
        COALESCE(shadow, 0) AS shadow,
        CASE WHEN NOT c.replay AND c.planned_at IS NULL AND c.state <> 'rejected'
             THEN flagged - taken_out ELSE 0 END AS waiting,
        CASE WHEN c.replay OR c.state = 'rejected' THEN 0 ELSE taken_out END AS trimmed,
        CASE WHEN NOT c.replay AND c.state = 'rejected' THEN flagged ELSE 0 END AS rejected,
        CASE WHEN c.replay THEN flagged ELSE 0 END AS replay
    FROM f FULL JOIN c USING (issue, day) LEFT JOIN m USING (issue, day)
    ORDER BY day, issue
""")

# A message that may leave needs a gate that passed it and a unit drawn to be contacted; a held-out one the opposite arm.
# Units that merged are found through their customers. A survey drawn from both arms says nothing, so either arm may get it.
BREACHES = text("""
    WITH chosen AS (
        SELECT * FROM messages m
        WHERE state NOT IN ('shadow', 'suppressed')
          AND NOT (kind = 'survey' AND EXISTS (SELECT 1 FROM surveys s JOIN assignments a ON a.id = s.assignment_id WHERE a.flag_id = m.flag_id))
          AND (CAST(:issue AS text) IS NULL OR issue = :issue) AND (CAST(:days AS date[]) IS NULL OR day = ANY(:days))
    ), arms AS (
        SELECT chosen.id, a.scope, a.arm, a.share, a.design FROM chosen JOIN assignments a USING (unit_id)
        WHERE a.scope IN (chosen.issue, 'programme') AND chosen.day < a.frozen_until
        UNION
        SELECT chosen.id, a.scope, a.arm, a.share, a.design FROM chosen
        JOIN customers c ON c.unit_id = chosen.unit_id AND c.customer_id <> c.unit_id
        JOIN assignments a ON a.customer_id = c.customer_id
        WHERE a.scope IN (chosen.issue, 'programme') AND chosen.day < a.frozen_until
    ), summed AS (
        SELECT id,
            bool_or(scope <> 'programme' AND arm <> 'hold_out') AS contact,
            bool_or(scope <> 'programme' AND arm <> 'hold_out' AND (share = 0 OR design <> 'hold_out')) AS never_held_out,
            bool_or(arm = 'hold_out') AS hold_out,
            bool_or(scope = 'programme' AND arm = 'hold_out') AS out_of_programme,
            bool_or(scope = 'programme' AND arm = 'contact') AS in_programme
        FROM arms GROUP BY id
    )
    SELECT chosen.issue, chosen.day, chosen.key, chosen.state
    FROM chosen LEFT JOIN summed USING (id) LEFT JOIN verdicts v USING (flag_id)
    WHERE v.passed IS NOT TRUE
       OR CASE WHEN chosen.state = 'held_out' THEN hold_out IS NOT TRUE
               ELSE contact IS NOT TRUE OR (out_of_programme AND NOT in_programme AND NOT never_held_out) END
    ORDER BY chosen.day, chosen.issue, chosen.key
""")

# A unit is counted once in each scope, by its newest draw and its newest first message.
BY_ARM = text("""
    WITH drawn AS (
        SELECT DISTINCT ON (scope, unit_id) scope AS issue, unit_id, arm, share FROM assignments
        WHERE CAST(:issue AS text) IS NULL OR scope = :issue ORDER BY scope, unit_id, epoch DESC
    ), told AS (
        SELECT DISTINCT ON (issue, unit_id) issue, unit_id, state FROM messages
        WHERE kind = 'notice' AND state NOT IN ('shadow') ORDER BY issue, unit_id, day DESC, id DESC
    )
    SELECT issue, arm, count(*) AS units,
           count(*) FILTER (WHERE state IN ('accepted', 'delayed', 'delivered', 'dropped', 'bounced', 'complained')) AS sent,
           count(*) FILTER (WHERE state = 'held_out') AS held_out,
           count(*) FILTER (WHERE state = 'suppressed') AS suppressed,
           count(*) FILTER (WHERE state IN ('planned', 'approved', 'claimed')) AS waiting,
           count(*) FILTER (WHERE state = 'uncertain') AS uncertain, count(*) FILTER (WHERE state = 'refused') AS refused,
           count(*) FILTER (WHERE state IS NULL) AS without_message
    FROM drawn LEFT JOIN told USING (issue, unit_id)
    GROUP BY issue, arm ORDER BY issue, arm
""")
