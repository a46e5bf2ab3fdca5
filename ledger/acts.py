"""Acts: the audit trail. Who decided what about which cohort, playbook or message, when, and why."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Act(Base):
    """One decision by a person, or by a stated rule in a person's stead."""

    __tablename__ = "acts"
    __table_args__ = (Index("ix_acts_subject", "subject", "id"), Index("ix_acts_act", "act", "subject", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    actor: Mapped[str]
    act: Mapped[str]                        # approve | hold | reject | trim | settle | raise_mode ...
    subject: Mapped[str]                    # "cohort payment_failing 2026-03-31", "message 17"
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime]


def acts_about(session: Session, subject: str, *, limit: int = 50) -> list[Act]:
    """Return what was decided about a subject, the newest first."""
    return list(session.scalars(select(Act).where(Act.subject == subject).order_by(Act.id.desc()).limit(limit)))
