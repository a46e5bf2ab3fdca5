"""A candidate: one thing we may say about one flag, and the customer it is about."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(slots=True)
class Candidate:
    """A flag we may speak about, and how its customer is reached. Without contact details the unit is the customer."""

    flag_id: int
    issue: str
    day: date
    state: str
    replay: bool
    customer_id: str
    unit_id: str
    address: str | None
    consent: bool
    time_zone: str | None
    country: str | None
    phone: str | None = None
    probability: float = 0.0
    days_until: float | None = None
    kind: str = "notice"
    channel: str | None = None              # once chosen; before that, whoever should speak
    planned_at: datetime | None = None
