"""Watches: what was seen of a model in use on a day, as an effect size with its number of cases, and whether it alarms."""

from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Watch(Base):
    """One look at one model: score, feature, calibration or precision drift, staleness, or that it failed."""

    __tablename__ = "watches"

    day: Mapped[date] = mapped_column(primary_key=True)
    issue: Mapped[str] = mapped_column(primary_key=True)
    detector: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)   # scores | features | calibration | precision | stale | failed
    model_sha: Mapped[str | None]
    value: Mapped[float | None]                           # the effect size; None where too few cases bear one
    n: Mapped[int]
    alarm: Mapped[bool]
    why: Mapped[str]                                      # in words, with the limit
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime]
