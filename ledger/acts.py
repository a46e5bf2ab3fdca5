"""Acts: the audit trail. Who decided what about which cohort, playbook or message, when, and why."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Act(Base):
    """One decision by a person, or by a stated rule in a person's stead."""

    __tablename__ = "acts"
    __table_args__ = (Index("ix_acts_act_id", "act", "id"), Index("ix_acts_actor_id", "actor", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    actor: Mapped[str]
    act: Mapped[str]                        # approve | hold | reject | trim | settle | raise_mode ...
    subject: Mapped[str]                    # "cohort payment_failing 2026-03-31", "message 17"
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime]


def kinds(session: Session) -> Sequence[str]:
    """Return the kinds of acts there are; the index is stepped through, so that it takes as long as there are kinds."""
    return session.scalars(KINDS).all()


KINDS = text("""
    WITH RECURSIVE k AS (
        (SELECT act FROM acts ORDER BY act LIMIT 1)
        UNION ALL SELECT (SELECT a.act FROM acts a WHERE a.act > k.act ORDER BY a.act LIMIT 1) FROM k WHERE k.act IS NOT NULL
    ) SELECT act FROM k WHERE act IS NOT NULL
""")
