"""Review: who may be acted on. Small cohorts pass by a stated rule, others wait for a person; always before the draw.

waiting -> approved | held | rejected; held -> approved | rejected; `reopen` takes any of them back to waiting. Once a cohort
is planned its decision stands. Above review.four_eyes_above two different people approve: the first word is kept, the
second one counts. What takes customers out keeps an approval, what puts them back in asks for a new one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, Integer, all_, any_, func, literal, select, text, update
from sqlalchemy.orm import Session

from core.clock import as_day
from core.errors import ConfigError, LedgerError, unknown_name
from core.settings import Settings, current
from ledger.acts import Act, acts_about
from ledger.cohorts import Cohort, move
from ledger.database import sessions
from ledger.days import mark_done
from ledger.flags import Flag
from ledger.labels import say, unsay

WITHIN_LIMITS = "within limits"
VERDICTS = {"approve": "approved", "hold": "held", "reject": "rejected", "reopen": "waiting", "trim": None, "restore": None}
DID = {"approve": "approved it", "first_approve": "approved it as the first of two", "hold": "held it", "reject": "rejected it",
       "reopen": "opened it again", "trim": "took customers out", "restore": "put customers back in", "recall": "called it back"}  # fmt: skip


class OvertakenError(LedgerError):
    """Somebody else decided about the cohort after it was looked at."""


@dataclass(frozen=True)
class Word:
    """What one person says about one cohort; `seen` is the revision they looked at (None: whatever it is now)."""

    verdict: str
    actor: str
    now: datetime
    note: str | None = None
    flags: tuple[int, ...] = ()      # to take out or put back
    because: str | None = None       # not_trouble | already_known: what detectors may learn from it
    seen: int | None = None


def review_day(*, day: date | str, now: datetime, settings: Settings | None = None) -> dict[str, int]:
    """Approve the cohorts of `day` that are within review.auto_approve_up_to; return how many passed and how many wait."""
    settings = settings or current()
    day = as_day(day)
    limit = settings.review.auto_approve_up_to
    small = (Cohort.day == day, Cohort.state == "waiting", ~Cohort.replay, Cohort.size <= limit, Cohort.size > 0, Cohort.revision == 0)
    with sessions(settings).begin() as session:
        decided = {"state": "approved", "decided_by": WITHIN_LIMITS, "decided_at": now, "revision": 1}
        passed = session.execute(update(Cohort).where(*small).values(**decided).returning(Cohort.issue, Cohort.size)).all()
        session.add_all(
            Act(actor=WITHIN_LIMITS, act="approve", subject=subject(issue, day), at=now,
                detail={"size": size, "auto_approve_up_to": limit})
            for issue, size in sorted(passed)
        )  # fmt: skip
        waiting = select(func.count()).select_from(Cohort).where(Cohort.day == day, Cohort.state == "waiting", ~Cohort.replay)
        counts = {"approved": len(passed), "waiting": session.scalar(waiting) or 0}
        mark_done(session, day, "review", now=now, counts=counts)
    return counts


def decide(
    settings: Settings, *, issue: str, day: date | str, verdict: str, actor: str, now: datetime,
    note: str | None = None, trim: Sequence[int] | None = None, because: str | None = None, seen: int | None = None,
) -> Cohort:  # fmt: skip
    """Decide on a cohort as a person: approve, hold, reject, reopen, trim or restore the flags `trim` (approve may trim too).

    The same decision again changes nothing. Raise OvertakenError when somebody decided after revision `seen`, and LedgerError
    when there is no such cohort or it can no longer be decided.
    """
    day = as_day(day)
    if verdict not in VERDICTS:
        raise LedgerError(unknown_name(subject(issue, day), "verdict", verdict, VERDICTS))
    word = Word(verdict, actor, now, note, tuple(sorted(set(trim or ()))), because, seen)
    with sessions(settings).begin() as session:
        cohort = cohort_of(session, issue, day)
        _refuse_overtaken(session, cohort, word)
        out = _out(cohort, word)
        if _is_no_news(cohort, word, out):
            return cohort
        _refuse_too_late(cohort, verdict)
        _check_flags(session, cohort, word)
        changes = _changes(cohort, word, out, needs_two=settings.review.four_eyes_above)
        if not move(session, cohort, **changes):
            raise _overtaken(session, cohort, word)
        _tell_flags(session, cohort, word)
        act = "first_approve" if verdict == "approve" and cohort.state != "approved" else verdict
        detail = {"note": note, "trimmed": list(word.flags), "size": cohort.size} | ({"because": because} if because else {})
        session.add(Act(actor=actor, act=act, subject=subject(issue, day), at=now, detail=detail))
        return cohort


def cohort_of(session: Session, issue: str, day: date) -> Cohort:
    """Return a cohort. Raise LedgerError that names the newest days of the issue where there is none."""
    cohort = session.get(Cohort, (issue, day))
    if cohort is None:
        days = session.scalars(select(Cohort.day).where(Cohort.issue == issue).order_by(Cohort.day.desc()).limit(5)).all()
        known = ", ".join(map(str, days)) or "none"
        raise LedgerError(f"{subject(issue, day)}: does not exist. Newest days of {issue!r}: {known}.")
    return cohort


def subject(issue: str, day: date) -> str:
    """Return what a cohort is called in the audit trail."""
    return f"cohort {issue} {day}"


def _out(cohort: Cohort, word: Word) -> list[int]:
    """Return which flags are out of the cohort after this word."""
    out = set(cohort.trimmed)
    return sorted(out - set(word.flags) if word.verdict == "restore" else out | set(word.flags))


def _is_no_news(cohort: Cohort, word: Word, out: list[int]) -> bool:
    """Whether all of it was said already; the first of two approvers adds nothing by approving again."""
    same_state = (VERDICTS[word.verdict] or cohort.state) == cohort.state
    still_waits = word.verdict == "reopen" and cohort.first_approved_by is not None
    again = word.verdict == "approve" and cohort.state != "approved" and cohort.first_approved_by == word.actor
    return (same_state and not still_waits or again) and out == sorted(cohort.trimmed) and word.because is None


def _changes(cohort: Cohort, word: Word, out: list[int], *, needs_two: int) -> dict[str, Any]:
    """Return what the row says after this word."""
    changes: dict[str, Any] = {"state": VERDICTS[word.verdict] or cohort.state, "trimmed": out, "note": word.note or cohort.note,
                               "decided_by": word.actor, "decided_at": word.now}  # fmt: skip
    first = (cohort.first_approved_by, cohort.first_approved_at)
    if word.verdict == "approve" and cohort.size - len(out) > needs_two:
        if first[0] in (None, word.actor):
            changes["state"], first = cohort.state, (word.actor, word.now)
    elif word.verdict not in ("approve", "trim"):
        first = (None, None)
    if word.verdict == "restore" and cohort.state == "approved":
        changes["state"] = "waiting"
    return changes | {"first_approved_by": first[0], "first_approved_at": first[1]}


def _tell_flags(session: Session, cohort: Cohort, word: Word) -> None:
    """Close or reopen the flags, and keep or take back what detectors may learn."""
    here = select(Flag.id).where(Flag.issue == cohort.issue, Flag.day == cohort.day)
    if word.because is not None:
        about = list(word.flags) or list(session.scalars(here.where(Flag.id != all_(_ids(cohort.trimmed)))))
        say(session, about, label=word.because, said_by=word.actor, now=word.now)
    if word.verdict == "restore":
        unsay(session, word.flags)
    if word.verdict == "reject":
        _close(session, cohort, on=word.now.date())
    if word.verdict == "reopen":
        unsay(session, list(session.scalars(here.where(Flag.state == "rejected", Flag.id != all_(_ids(cohort.trimmed))))))
        session.execute(REOPEN, {"issue": cohort.issue, "day": cohort.day})


def _refuse_overtaken(session: Session, cohort: Cohort, word: Word) -> None:
    if word.seen is not None and word.seen != cohort.revision:
        raise _overtaken(session, cohort, word)


def _overtaken(session: Session, cohort: Cohort, word: Word) -> OvertakenError:
    where = subject(cohort.issue, cohort.day)
    newest = next((act for act in acts_about(session, where, limit=5) if act.act in DID), None)
    if newest is not None and (cohort.planned_at is None or newest.at > cohort.planned_at):
        since = f"{newest.actor} {DID[newest.act]} at {newest.at:%Y-%m-%d %H:%M} UTC"
    else:
        since = f"it was planned at {cohort.planned_at:%Y-%m-%d %H:%M} UTC"
    return OvertakenError(f"{where}: {since}, after you had looked; got {word.verdict!r}. Nothing of yours was written. Look at it again.")


def _refuse_too_late(cohort: Cohort, verdict: str) -> None:
    where = subject(cohort.issue, cohort.day)
    if cohort.replay:
        raise LedgerError(f"{where}: a backfilled day is never acted on, got {verdict!r}. There is nothing to decide.")
    if cohort.planned_at is not None:
        raise LedgerError(f"{where}: planned at {cohort.planned_at:%Y-%m-%d %H:%M} UTC as {cohort.state}, got {verdict!r}. "
                          "Its arms are drawn; the kill switch stops what is not sent yet.")
    if cohort.state == "rejected" and verdict != "reopen":
        raise LedgerError(f"{where}: rejected by {cohort.decided_by}, got {verdict!r}. Its flags are closed; "
                          "customers still at risk are flagged anew.")


def _check_flags(session: Session, cohort: Cohort, word: Word) -> None:
    where = subject(cohort.issue, cohort.day)
    if word.because is not None and not word.flags and word.verdict != "reject":
        raise ConfigError(f"{where}: --because says why flags are taken out, got none. Name them with --flag.")
    here = (Flag.id == any_(_ids(word.flags)), Flag.issue == cohort.issue, Flag.day == cohort.day)
    found = set(session.scalars(select(Flag.id).where(*here))) if word.flags else set()
    if strange := sorted(set(word.flags) - found):
        raise LedgerError(f"{where}: flags {strange} are not in this cohort. `beforehand review ISSUE DAY` lists its flags.")


def _ids(flags: Sequence[int]) -> Any:
    """Return flags as one value, however many they are."""
    return literal(list(flags), ARRAY(Integer))


def _close(session: Session, cohort: Cohort, *, on: date) -> None:
    """Close the flags a person said no to, so that a later day may look at these customers afresh."""
    here = (Flag.issue == cohort.issue, Flag.day == cohort.day, Flag.state == "open")
    session.execute(update(Flag).where(*here).values(state="rejected", closed_on=on))


# A customer who was flagged anew since keeps the newer flag: one open flag per customer and issue.
REOPEN = text("""
    UPDATE flags f SET state = 'open', closed_on = NULL
    WHERE f.issue = :issue AND f.day = :day AND f.state = 'rejected' AND NOT EXISTS (
        SELECT 1 FROM flags o WHERE o.customer_id = f.customer_id AND o.issue = f.issue AND o.state = 'open')
""")
