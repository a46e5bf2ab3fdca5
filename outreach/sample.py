"""Sample: the very letter a customer would get, before anything is sent; its links work only once it is."""

from datetime import datetime

from core.clock import last_whole_day
from core.errors import ConfigError, unknown_name
from core.settings import Settings
from ledger.customers import Customer
from outreach.compose import Composer, Recipient
from outreach.frame import base_language
from outreach.letter import Letter
from outreach.plan import message_key
from outreach.playbook import Playbook

ANN = Customer(customer_id="a customer", unit_id="a customer", name="Ann Example", address="ann@example.org", language=None)


def sample_letter(
    settings: Settings, playbook: Playbook, *, now: datetime, customer: Customer = ANN, language: str | None = None,
) -> Letter:  # fmt: skip
    """Return the letter a playbook writes to a customer (by default a made-up one). Raise ConfigError for a language it lacks."""
    if language is not None and base_language(language) not in playbook.message:
        raise ConfigError(unknown_name(f"preview {playbook.issue}", "language", language, playbook.message))
    day = last_whole_day(now)
    key = message_key(settings, issue=playbook.issue, customer_id=customer.customer_id, day=day, kind=playbook.kind)
    to = Recipient(key, customer.address or ANN.address or "", customer.name, language or customer.language, day)
    return Composer(settings).letter(playbook, to, now=now)
