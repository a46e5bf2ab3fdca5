"""Transitions: each arrow a message has taken, as a row. A trigger writes them, so that no statement can forget to.

The row of the message itself says when it was planned; its first transition is whatever came after that.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Transition(Base):
    """One arrow of one message."""

    __tablename__ = "transitions"
    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # no foreign key: it would cost as much as the arrow itself
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)  # one index finds a message's arrows in order
    from_state: Mapped[str]
    to_state: Mapped[str]
    fence: Mapped[int]                       # which claim it belongs to
    reasons: Mapped[list[Any]]
    at: Mapped[datetime]                     # by the clock of whoever moved it


def history(session: Session, message_id: int) -> list[Transition]:
    """Return the arrows of one message, oldest first."""
    return list(session.scalars(select(Transition).where(Transition.message_id == message_id).order_by(Transition.id)))
