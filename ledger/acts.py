"""Acts: the audit trail. Who decided what about which cohort, playbook or message, when, and why."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Act(Base):
    """One decision by a person, or by a stated rule in a person's stead."""

    __tablename__ = "acts"

    id: Mapped[int] = mapped_column(primary_key=True)
    actor: Mapped[str]
    act: Mapped[str]                        # approve | hold | reject | trim | settle | raise_mode ...
    subject: Mapped[str]                    # "cohort payment_failing 2026-03-31", "message 17"
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime]
