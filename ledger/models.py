"""Models: every trained detector, and which one is in use for an issue.

challenger -> champion -> retired | rolled_back. At most one champion per issue and detector. `unproven`: in use by a
person's word although its skill is not shown. `not_predictable`: the issue flags nobody by this kind of detector.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Model(Base):
    """One trained detector; its files lie in models/<sha>/."""

    __tablename__ = "models"
    __table_args__ = (
        Index("uq_models_champion", "issue", "detector", unique=True, postgresql_where="state = 'champion'"),
    )

    sha: Mapped[str] = mapped_column(primary_key=True)
    issue: Mapped[str]
    detector: Mapped[str]                   # the detector kind's name
    state: Mapped[str]                      # challenger | champion | unproven | retired | not_predictable | rolled_back
    trained_on: Mapped[date]                # as of this day
    feature_set: Mapped[str]
    scores: Mapped[dict[str, Any]]          # average precision, base rate, skill with interval, calibration, ...
    flag_at: Mapped[float]                  # the chosen threshold
    created_at: Mapped[datetime]
    judged_on: Mapped[date | None]          # the last training that held it against what happened; stale when long ago
    promoted_on: Mapped[date | None]        # since when (again) it is in use
    why: Mapped[str | None]                 # how the last decision about it was reached, in words
