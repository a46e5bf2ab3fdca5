"""Review: who may be acted on. Small cohorts pass by a stated rule, others wait for a person; always before the draw.

waiting -> approved | held | rejected; held -> approved | rejected. Once a cohort is planned its decision stands.
"""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.clock import as_day
from core.errors import LedgerError, unknown_name
from core.settings import Settings, current
from ledger.acts import Act
from ledger.cohorts import Cohort
from ledger.database import sessions
from ledger.days import mark_done
from ledger.flags import Flag

WITHIN_LIMITS = "within limits"
VERDICTS = {"approve": "approved", "hold": "held", "reject": "rejected", "trim": None}


def review_day(*, day: date | str, now: datetime, settings: Settings | None = None) -> dict[str, int]:
    """Approve the cohorts of `day` that are within review.auto_approve_up_to; return how many passed and how many wait."""
    settings = settings or current()
    day = as_day(day)
    limit = settings.review.auto_approve_up_to
    small = (Cohort.day == day, Cohort.state == "waiting", ~Cohort.replay, Cohort.size <= limit, Cohort.size > 0)
    with sessions(settings).begin() as session:
        decided = {"state": "approved", "decided_by": WITHIN_LIMITS, "decided_at": now}
        passed = session.execute(update(Cohort).where(*small).values(**decided).returning(Cohort.issue, Cohort.size)).all()
        session.add_all(
            Act(actor=WITHIN_LIMITS, act="approve", subject=_subject(issue, day), at=now,
                detail={"size": size, "auto_approve_up_to": limit})
            for issue, size in sorted(passed)
        )  # fmt: skip
        waiting = select(func.count()).select_from(Cohort).where(Cohort.day == day, Cohort.state == "waiting", ~Cohort.replay)
        counts = {"approved": len(passed), "waiting": session.scalar(waiting) or 0}
        mark_done(session, day, "review", now=now, counts=counts)
    return counts


def decide(
    settings: Settings, *, issue: str, day: date | str, verdict: str, actor: str, now: datetime,
    note: str | None = None, trim: Sequence[int] | None = None,
) -> Cohort:  # fmt: skip
    """Decide on a cohort as a person: approve, hold, reject, or trim (take the flags `trim` out; approve may trim too).

    The same decision again changes nothing. Raise LedgerError when there is no such cohort or it can no longer be decided.
    """
    day = as_day(day)
    if verdict not in VERDICTS:
        raise LedgerError(unknown_name(_subject(issue, day), "verdict", verdict, VERDICTS))
    with sessions(settings).begin() as session:
        cohort = _lock(session, issue, day)
        state = VERDICTS[verdict] or cohort.state
        out = sorted(set(trim or ()) - set(cohort.trimmed))
        if state == cohort.state and not out:
            return cohort
        _refuse_too_late(cohort, verdict)
        _trim(session, cohort, out)
        cohort.state, cohort.note = state, note or cohort.note
        cohort.decided_by, cohort.decided_at = actor, now
        if state == "rejected":
            _close(session, cohort, on=now.date())
        session.add(Act(actor=actor, act=verdict, subject=_subject(issue, day), at=now,
                        detail={"note": note, "trimmed": out, "size": cohort.size}))  # fmt: skip
        return cohort


def _subject(issue: str, day: date) -> str:
    return f"cohort {issue} {day}"


def _lock(session: Session, issue: str, day: date) -> Cohort:
    cohort = session.scalar(select(Cohort).where(Cohort.issue == issue, Cohort.day == day).with_for_update())
    if cohort is None:
        days = session.scalars(select(Cohort.day).where(Cohort.issue == issue).order_by(Cohort.day.desc()).limit(5)).all()
        known = ", ".join(map(str, days)) or "none"
        raise LedgerError(f"{_subject(issue, day)}: does not exist. Newest days of {issue!r}: {known}.")
    return cohort


def _refuse_too_late(cohort: Cohort, verdict: str) -> None:
    where = _subject(cohort.issue, cohort.day)
    if cohort.replay:
        raise LedgerError(f"{where}: a backfilled day is never acted on, got {verdict!r}. There is nothing to decide.")
    if cohort.planned_at is not None:
        raise LedgerError(f"{where}: planned at {cohort.planned_at:%Y-%m-%d %H:%M} UTC as {cohort.state}, got {verdict!r}. "
                          "Its arms are drawn; the kill switch stops what is not sent yet.")
    if cohort.state == "rejected":
        raise LedgerError(f"{where}: rejected by {cohort.decided_by}, got {verdict!r}. Its flags are closed; "
                          "customers still at risk are flagged anew.")


def _trim(session: Session, cohort: Cohort, out: list[int]) -> None:
    if not out:
        return
    here = (Flag.id.in_(out), Flag.issue == cohort.issue, Flag.day == cohort.day)
    found = set(session.scalars(select(Flag.id).where(*here)))
    if strange := sorted(set(out) - found):
        raise LedgerError(f"{_subject(cohort.issue, cohort.day)}: flags {strange} are not in this cohort. "
                          "`beforehand review ISSUE DAY` lists its flags.")
    cohort.trimmed = sorted({*cohort.trimmed, *out})


def _close(session: Session, cohort: Cohort, *, on: date) -> None:
    """Close the flags a person said no to, so that a later day may look at these customers afresh."""
    here = (Flag.issue == cohort.issue, Flag.day == cohort.day, Flag.state == "open")
    session.execute(update(Flag).where(*here).values(state="rejected", closed_on=on))
