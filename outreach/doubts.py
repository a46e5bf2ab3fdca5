"""Doubts: messages that may or may not have left. A person who asked the provider settles one; no machine sends it again."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import ConfigError, unknown_name
from ledger.acts import Act
from ledger.messages import Message, State, settle

VERDICTS = ("accepted", "refused")  # it left; it never left


def doubtful(session: Session, *, limit: int = 50) -> Sequence[Message]:
    """Return the messages in doubt, the longest in doubt first."""
    return session.scalars(select(Message).where(Message.state == "uncertain").order_by(Message.settled_at, Message.id).limit(limit)).all()


def settle_doubt(session: Session, message_id: int, *, verdict: str, by: str, now: datetime, note: str | None = None) -> bool:
    """Write what became of a message in doubt and who says so; False where it was in no doubt. Raise ConfigError for an unknown verdict."""
    if verdict not in VERDICTS:
        raise ConfigError(unknown_name(f"message {message_id}", "verdict", verdict, VERDICTS) + " Ask the provider first.")
    moved = settle(session, message_id, state=State(verdict), now=now)
    detail = {"verdict": verdict, "moved": moved} | ({"note": note} if note else {})
    session.add(Act(actor=by, act="settle", subject=f"message {message_id}", detail=detail, at=now))
    return moved
