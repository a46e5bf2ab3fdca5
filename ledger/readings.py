"""Readings: one issue's month of assignments (or all pooled) at 1, 6 or 18 months, both arms, never missing.

A reading that is not yet readable, or cannot be, is a row with the reason.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Reading(Base):
    """Both arms' numbers for one outcome at one horizon; issued once, later changes are numbered revisions."""

    __tablename__ = "readings"
    __table_args__ = (UniqueConstraint("issue", "month", "horizon_months", "outcome", "design", "revision"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    issue: Mapped[str]
    month: Mapped[str]                      # "2025-03", or "pooled"
    horizon_months: Mapped[int]             # 0: the hours of a randomised delay
    outcome: Mapped[str]                    # retained | revenue | purchases | contacts | ... | csat | ces | nps
    design: Mapped[str] = mapped_column(default="hold_out", server_default="hold_out")  # | delay | discontinuity | survey
    revision: Mapped[int] = mapped_column(default=0)
    state: Mapped[str]                      # readable | not_yet | unreadable
    why: Mapped[str | None]                 # the reason when it is not readable, and from which day it will be
    n_contact: Mapped[int]
    n_hold_out: Mapped[int]                 # delay: those told later; discontinuity: those scored just below; survey: asked
    mean_contact: Mapped[float | None]
    mean_hold_out: Mapped[float | None]
    effect: Mapped[float | None]            # difference of means, contact minus hold out, stratified by share
    low: Mapped[float | None]               # 95 % interval
    high: Mapped[float | None]
    p_value: Mapped[float | None]
    power: Mapped[float | None]             # to see the playbook's smallest effect that matters
    smallest_seen: Mapped[float | None]     # effect it could have seen with power 0.8
    detail: Mapped[dict[str, Any]]          # raw values beside capped ones, sample ratio, data cut, measure hash
    data_until: Mapped[date]
    issued_at: Mapped[datetime]
