"""The kill switch: a person's brake on everything stops all planning and sending at once, another act lets it go on."""

from datetime import datetime

from sqlalchemy.orm import Session

from core.errors import LedgerError
from core.settings import Settings
from ledger.acts import Act
from ledger.brakes import lift, open_brakes, pull_brake
from outreach.modes import check_approver

KIND = "person"
SUBJECT = "outreach"
PAUSE, RESUME = "pause", "resume"


def pause(session: Session, *, actor: str, note: str, now: datetime, issue: str | None = None) -> None:
    """Stop planning, acting and sending (of one issue, or at all), from the next batch on, in every process."""
    pull_brake(session, issue=issue, kind=KIND, reason=f"{actor}: {note}", now=now)
    session.add(Act(actor=actor, act=PAUSE, subject=issue or SUBJECT, detail={"note": note}, at=now))


def resume(session: Session, *, actor: str, note: str, now: datetime) -> None:
    """Let planning and sending go on; what became stale meanwhile is not sent. Brakes that were pulled by rule stay on."""
    for brake in open_brakes(session):
        if brake.issue is None and brake.kind == KIND:
            lift(session, brake.id, by=actor, now=now)
    session.add(Act(actor=actor, act=RESUME, subject=SUBJECT, detail={"note": note}, at=now))


def let_go(session: Session, number: int, *, by: str, now: datetime, settings: Settings, note: str | None = None) -> None:
    """Lift one brake. Raise LedgerError where `by` may not, or it is not on."""
    check_approver(f"brake {number}", by, settings)
    if not lift(session, number, by=by, now=now):
        raise LedgerError(f"brake {number}: is not on. `beforehand brake` lists those that are.")
    session.add(Act(actor=by, act="lift", subject=f"brake {number}", detail={"note": note} if note else {}, at=now))


def is_paused(session: Session, settings: Settings) -> bool:
    """Whether outreach is stopped as a whole, by settings or by a brake on everything."""
    return settings.outreach.paused or any(brake.issue is None for brake in open_brakes(session))
