"""The inbox: what customers wrote to us, until a person has handled it; only a person turns a wish to stop into an opt-out."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import ConfigError
from ledger.acts import Act
from ledger.contacts import Contact, handle
from ledger.customers import Customer
from ledger.suppressions import suppress


def settle(session: Session, contact_id: int, *, by: str, note: str | None, stop: bool, now: datetime) -> Contact:
    """Mark a contact as handled, and opt its customer out of everything where they ask for that (`stop`).

    Raise ConfigError when there is no such open contact, or nobody known to be opted out.
    """
    if not by.strip():
        raise ConfigError(f"inbox --handle {contact_id}: --by: who handled it is missing, got {by!r}. Add --by NAME.")
    contact = handle(session, contact_id, by=by, note=note, now=now)
    if contact is None:
        raise ConfigError(f"inbox --handle {contact_id}: there is no open contact of this number. `beforehand inbox` lists them.")
    if stop:
        _opt_out(session, contact)
    detail = {"note": note, "stop": stop}
    session.add(Act(actor=by, act="handle_contact", subject=f"contact {contact_id}", detail=detail, at=now))
    return contact


def _opt_out(session: Session, contact: Contact) -> None:
    if contact.customer_id is None:
        raise ConfigError(f"inbox --handle {contact.id} --stop: whose wish it is is not known. Find the customer by hand.")
    address = session.scalar(select(Customer.address).where(Customer.customer_id == contact.customer_id))
    subjects = [contact.customer_id, *([address] if address else [])]
    suppress(session, [{"subject": each, "reason": "opt_out", "since": contact.received_at} for each in subjects])
