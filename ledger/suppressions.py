"""Suppressions: whom we never write to again, and since when; keyed by customer or by normalised address."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Suppression(Base):
    """An opt-out, a hard bounce, a complaint, or an erased customer's keyed hash."""

    __tablename__ = "suppressions"

    subject: Mapped[str] = mapped_column(primary_key=True)   # customer id, normalised address, or keyed hash
    topic: Mapped[str] = mapped_column(primary_key=True, default="all")  # "all" or an issue
    reason: Mapped[str]                                      # opt_out | hard_bounce | complaint | erased
    since: Mapped[datetime]
