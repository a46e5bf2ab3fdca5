"""Flags: open episodes. This customer, this issue, since this day, how sure, why.

open -> struck (the trouble came) | over (resolved before it came) | expired (the horizon passed) | rejected (a person said no)
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Flag(Base):
    """One open episode; at most one open flag per customer and issue."""

    __tablename__ = "flags"
    __table_args__ = (
        UniqueConstraint("customer_id", "issue", "day"),
        Index("uq_flags_open", "customer_id", "issue", unique=True, postgresql_where="state = 'open'"),
        Index("ix_flags_issue_day", "issue", "day"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[str]
    issue: Mapped[str]
    day: Mapped[date]                                   # as of this day; names the cohort with `issue`
    probability: Mapped[float]                          # that the trouble strikes within the horizon
    days_until: Mapped[float | None]                    # expected days until it hurts
    margin: Mapped[float | None]                        # probability beyond what it took to be flagged that day; None: by rule
    reasons: Mapped[list[Any]]                          # sentences, strongest first
    evidence: Mapped[dict[str, Any]]                    # feature -> value behind the reasons
    detector: Mapped[str]
    model_sha: Mapped[str | None] = mapped_column(ForeignKey("models.sha"))
    replay: Mapped[bool] = mapped_column(default=False)  # from a backfilled day: never acted on
    state: Mapped[str] = mapped_column(default="open")
    closed_on: Mapped[date | None]
    created_at: Mapped[datetime]
