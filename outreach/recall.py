"""Recall: take a planned cohort back before any of its messages was claimed; the arms stay as they were drawn.

planned | approved -> suppressed, with the reason `recalled`. Those drawn to be contacted are not, so the cohort dilutes its
reading; what was ordered for both arms alike is still done.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.errors import LedgerError
from core.settings import Settings
from ledger.acts import Act
from ledger.database import sessions
from outreach.review import cohort_of, subject

RECALLED = "recalled"


def recall(settings: Settings, *, issue: str, day: date, actor: str, now: datetime, note: str | None = None) -> int:
    """Suppress every notice of a cohort that waits to be sent; return how many. Raise LedgerError once one was claimed."""
    with sessions(settings).begin() as session:
        cohort = cohort_of(session, issue, day)
        if cohort.planned_at is None:
            raise LedgerError(f"{subject(issue, day)}: is not planned yet, got 'recall'. Open it again, or hold it.")
        _refuse_claimed(session, issue, day)
        values = {"issue": issue, "day": day, "now": now, "why": f'["{RECALLED}"]'}
        recalled = len(session.execute(RECALL, values).all())
        detail: dict[str, Any] = {"note": note, "recalled": recalled}
        session.add(Act(actor=actor, act="recall", subject=subject(issue, day), at=now, detail=detail))
    return recalled


def waits_whole(session: Session, issue: str, day: date) -> bool:
    """Whether something of a planned cohort waits to be sent, and nothing was claimed yet."""
    row = session.execute(WAITING, {"issue": issue, "day": day}).one()
    return row.waiting > 0 and row.claimed == 0


def _refuse_claimed(session: Session, issue: str, day: date) -> None:
    """Hold the rows against every sender, which skips what is locked, and raise LedgerError where one was there first."""
    gone = sum(row.fence > 0 for row in session.execute(HOLD, {"issue": issue, "day": day}))
    if gone:
        raise LedgerError(f"{subject(issue, day)}: {gone} of its messages were claimed for sending, got 'recall'. "
                          "What is not sent yet is stopped by the kill switch.")  # fmt: skip


# A claim raises the fence for good, so that a message that was ever with a sender is known.
HOLD = text("SELECT fence FROM messages WHERE issue = :issue AND day = :day AND kind = 'notice' ORDER BY id FOR UPDATE")
RECALL = text("""
    UPDATE messages SET state = 'suppressed', reasons = CAST(:why AS jsonb), settled_at = :now, moved_at = :now
    WHERE issue = :issue AND day = :day AND kind = 'notice' AND state IN ('planned', 'approved') RETURNING id
""")
WAITING = text("""
    SELECT count(*) FILTER (WHERE state IN ('planned', 'approved')) AS waiting, count(*) FILTER (WHERE fence > 0) AS claimed
    FROM messages WHERE issue = :issue AND day = :day AND kind = 'notice'
""")
