"""Customers: an id and what we may say to them; the only table that holds contact details.

Rows come from the sources' `[contact_details]` mapping (outreach.addresses), never from the lake.
"""

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base

PHONE_ENDS = 8  # digits: a number is found with or without its country's and its town's prefix
PHONE_END = f"\"right\"(regexp_replace(phone, '[^0-9]'::text, ''::text, 'g'::text), {PHONE_ENDS})"

class Customer(Base):
    """How a customer is reached. `unit_id` is the contact unit: who shares one inbox."""

    __tablename__ = "customers"
    __table_args__ = (Index("ix_customers_phone_end", text(PHONE_END), postgresql_where="phone IS NOT NULL"),)

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
