"""Outcomes: what happened after a message or an assignment: delivered, bounced, replied, unsubscribed, resolved."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Outcome(Base):
    """One thing that happened to one message, once, however often it was reported."""

    __tablename__ = "outcomes"

    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    detail: Mapped[str | None]
