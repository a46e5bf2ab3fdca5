"""Customers: an id and what we may say to them; the only table that holds contact details.

Rows come from the sources' `[contact_details]` mapping (outreach.addresses), never from the lake.
"""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Customer(Base):
    """How a customer is reached. `unit_id` is the contact unit: who shares one inbox."""

    __tablename__ = "customers"

    customer_id: Mapped[str] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(index=True)
    name: Mapped[str | None]
    address: Mapped[str | None] = mapped_column(index=True)   # normalised e-mail address
    phone: Mapped[str | None]
    language: Mapped[str | None]
    time_zone: Mapped[str | None]                             # IANA name; None is unknown, not UTC
    country: Mapped[str | None]
    consent: Mapped[bool] = mapped_column(default=True)       # may we send service messages at all
    updated_at: Mapped[datetime]
