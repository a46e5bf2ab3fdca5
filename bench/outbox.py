"""A company with as many flagged customers as asked, written straight into a throw-away ledger: what sending is measured on."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from core.settings import Settings, load_settings
from ledger.acts import Act
from ledger.bulk import copy_once
from ledger.cohorts import Cohort
from ledger.customers import Customer
from ledger.database import sessions
from ledger.flags import Flag

DAY = date(2026, 3, 31)
NOW = datetime(2026, 4, 1, 10, tzinfo=UTC)
ISSUE = "payment_failing"
LANGUAGES = ("en", "en", "en", "de")
REFUSED_EVERY = 97  # so many customers apart, one has an address the provider refuses

SETTINGS = """
[company]
name           = "Lumen Broadband"
from_address   = "care@lumen.example"
reply_to       = "help@lumen.example"
postal_address = "1 Harbour Street, 20457 Hamburg"
website        = "https://lumen.example"

[storage]
root = {root}

[outreach]
channel     = "sendgrid"
batch       = {batch}
fresh_days  = 365
quiet_from  = 00:00:00
quiet_until = 00:00:00
write_on_weekends = true
write_on_holidays = true
lease_seconds = {lease}

[outreach.sendgrid]
host            = {host}
timeout_seconds = {timeout}
"""

PLAYBOOK = """
mode       = "live"
holdout    = 0.1
quiet_days = 14
topic      = "account notices"

[remedy]
says        = "We try again and leave everything switched on."
approved_by = "Head of Service"
approved_on = 2026-01-10

[measure]
outcome         = "retained"
smallest_effect = 0.02

[message.en]
subject       = "Everything stays switched on"
preview       = "A short note from {{ company }}."
what_happened = "Something went wrong with your last payment."
what_we_did   = "We try again by ourselves."
what_you_do   = "{% if first_name is defined %}{{ first_name }}, you{% else %}You{% endif %} need not do anything."

[message.de]
subject       = "Alles bleibt eingeschaltet"
preview       = "Eine kurze Nachricht von {{ company }}."
what_happened = "Mit Ihrer letzten Zahlung ging etwas schief."
what_we_did   = "Wir versuchen es von selbst noch einmal."
what_you_do   = "Sie müssen nichts tun."
"""


def company(folder: Path, *, host: str, batch: int = 100, timeout: float = 20, lease: int = 300) -> Settings:
    """Write a company's configuration below `folder` and return its settings; its provider listens at `host`."""
    config = folder / "config"
    for kind in ("sources", "issues", "playbooks"):
        (config / kind).mkdir(parents=True, exist_ok=True)
    stated = {"root": json.dumps(str(folder / "var")), "host": json.dumps(host), "batch": batch, "timeout": timeout, "lease": lease}
    (config / "settings.toml").write_text(SETTINGS.format(**stated))
    (config / "playbooks" / f"{ISSUE}.toml").write_text(PLAYBOOK)
    return load_settings(config)


def flag(settings: Settings, size: int, *, day: date = DAY, first: int = 0, refused: bool = False) -> None:
    """Write `size` customers from number `first` on, each with a flag of `day`, as one approved cohort."""
    numbers = range(first, first + size)
    with sessions(settings).begin() as session:
        session.add(Act(actor="Head of Service", act="mode", subject=f"playbook {ISSUE}", detail={"mode": "live"}, at=NOW))
        copy_once(session, Customer, CUSTOMER, (_customer(n, refused=refused) for n in numbers), key=("customer_id",))
        session.add(Cohort(issue=ISSUE, day=day, size=size, state="approved", created_at=NOW, trimmed=[], replay=False))
        copy_once(session, Flag, FLAG, _flags(numbers, day), key=("customer_id", "issue", "day"))


CUSTOMER = ("customer_id", "unit_id", "name", "address", "language", "time_zone", "country", "consent", "updated_at")
FLAG = ("customer_id", "issue", "day", "probability", "days_until", "detector", "reasons", "evidence", "replay", "state",
        "created_at")  # fmt: skip


def _customer(n: int, *, refused: bool) -> tuple[Any, ...]:
    named = f"{'refused.' if refused and n % REFUSED_EVERY == 0 else ''}c{n:07d}"
    return (f"c{n:07d}", f"c{n:07d}", "Ann Example", f"{named}@example.org", LANGUAGES[n % len(LANGUAGES)], "Europe/Berlin",
            "DE", True, NOW)  # fmt: skip


def _flags(numbers: range, day: date) -> Iterator[tuple[Any, ...]]:
    for n in numbers:
        yield (f"c{n:07d}", ISSUE, day, 0.5, 9.0, "rule", ["a payment failed"], {}, False, "open", NOW)
