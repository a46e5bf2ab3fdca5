"""Acts: the audit trail. Who decided what about which cohort, playbook or message, when, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Index, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Act(Base):
    """One decision by a person, or by a stated rule in a person's stead."""

    __tablename__ = "acts"
    __table_args__ = (
        Index("ix_acts_subject", "subject", "id"),
        Index("ix_acts_act", "act", "subject", "id"),
        Index("ix_acts_act_id", "act", "id"),
        Index("ix_acts_actor_id", "actor", "id"),
        Index("ix_acts_subject_begins", "subject", postgresql_ops={"subject": "text_pattern_ops"}),  # by how a subject begins
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    actor: Mapped[str]
    act: Mapped[str]                        # approve | hold | reject | trim | settle | raise_mode ...
    subject: Mapped[str]                    # "cohort payment_failing 2026-03-31", "message 17"
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime]


def acts_about(session: Session, subject: str, *, limit: int = 50) -> list[Act]:
    """Return what was decided about a subject, the newest first."""
    return list(session.scalars(select(Act).where(Act.subject == subject).order_by(Act.id.desc()).limit(limit)))


@dataclass(frozen=True)
class Asked:
    """Which acts are wanted; what is empty does not narrow them."""

    act: str = ""
    actor: str = ""
    subject: str = ""                       # how it begins
    since: date | None = None
    until: date | None = None               # that day included


def trail(session: Session, asked: Asked, *, before: int | None = None, limit: int | None = None) -> Sequence[Act]:
    """Return acts, the newest first, those `before` an id alone."""
    found = select(Act).order_by(Act.id.desc()).limit(limit)
    found = found.where(Act.act == asked.act) if asked.act else found
    found = found.where(Act.actor == asked.actor) if asked.actor else found
    found = found.where(Act.subject.startswith(asked.subject, autoescape=True)) if asked.subject else found
    found = found.where(Act.at >= _midnight(asked.since)) if asked.since else found
    found = found.where(Act.at < _midnight(asked.until) + timedelta(days=1)) if asked.until else found
    return session.scalars(found.where(Act.id < before) if before else found).all()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


def kinds(session: Session) -> Sequence[str]:
    """Return the kinds of acts there are; the index is stepped through, so that it takes as long as there are kinds."""
    return session.scalars(KINDS).all()


KINDS = text("""
    WITH RECURSIVE k AS (
        (SELECT act FROM acts ORDER BY act LIMIT 1)
        UNION ALL SELECT (SELECT a.act FROM acts a WHERE a.act > k.act ORDER BY a.act LIMIT 1) FROM k WHERE k.act IS NOT NULL
    ) SELECT act FROM k WHERE act IS NOT NULL
""")
