"""The kill switch: one act stops all planning and sending at once, another lets it go on; both say who and why."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.acts import Act

SUBJECT = "outreach"
PAUSE, RESUME = "pause", "resume"


def pause(session: Session, *, actor: str, note: str, now: datetime) -> None:
    """Stop planning and sending, from the next batch on, in every process."""
    session.add(Act(actor=actor, act=PAUSE, subject=SUBJECT, detail={"note": note}, at=now))


def resume(session: Session, *, actor: str, note: str, now: datetime) -> None:
    """Let planning and sending go on; what became stale meanwhile is not sent."""
    session.add(Act(actor=actor, act=RESUME, subject=SUBJECT, detail={"note": note}, at=now))


def is_paused(session: Session, settings: Settings) -> bool:
    """Whether outreach is paused, by settings or by the newest act."""
    newest = select(Act.act).where(Act.subject == SUBJECT, Act.act.in_((PAUSE, RESUME))).order_by(Act.id.desc()).limit(1)
    return settings.outreach.paused or session.scalar(newest) == PAUSE
