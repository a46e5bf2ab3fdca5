"""Measures: what a playbook promised to be judged by, frozen at its first assignment."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Measure(Base):
    """One version of an issue's primary outcome, horizon and smallest effect that matters."""

    __tablename__ = "measures"

    issue: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)  # hash of the playbook's [measure]
    measure: Mapped[dict[str, Any]]
    frozen_at: Mapped[datetime]
