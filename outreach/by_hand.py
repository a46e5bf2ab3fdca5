"""What a colleague decides about one customer: never write to them again, or have somebody call them. Each is an act."""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import LedgerError, unknown_name
from ledger.acts import Act
from ledger.calls import list_calls
from ledger.customers import Customer
from ledger.notes import write_note
from ledger.suppressions import suppress

STOPS = {"opt_out": "they asked us to stop", "complaint": "they complained about our messages"}
SAYS_AT_MOST = 2000


def stop_by_hand(session: Session, customer_id: str, *, reason: str, said: str, by: str, now: datetime) -> None:
    """Send this customer nothing any more, from the next send on. Raise LedgerError for an unknown reason."""
    if reason not in STOPS:
        raise LedgerError(unknown_name(f"customer {customer_id}: stop", "reason", reason, STOPS))
    address = session.scalar(select(Customer.address).where(Customer.customer_id == customer_id))
    names = [customer_id, *([address] if address else [])]
    suppress(session, [{"subject": name, "topic": "all", "reason": reason, "since": now} for name in names])
    words = f"Messages stopped: {STOPS[reason]}." + (f" {said.strip()}" if said.strip() else "")
    write_note(session, customer_id, words, by=by, now=now)
    session.add(Act(actor=by, act="suppress", subject=f"customer {customer_id}", detail={"reason": reason}, at=now))


def call_by_hand(session: Session, customer_id: str, *, says: str, by: str, now: datetime) -> bool:
    """Put a call on the list; asked twice on a day in the same words it is one call. Return whether it is new.

    Raise LedgerError where nothing is to be said.
    """
    words = says.replace("\0", "").strip()[:SAYS_AT_MOST]
    if not words:
        raise LedgerError(f"customer {customer_id}: call: what to talk about is missing. Write a sentence for whoever calls.")
    key = sha256(f"call by hand\x1f{customer_id}\x1f{now.date()}\x1f{words}".encode()).hexdigest()[:32]
    row = {"message_key": key, "says": words, "listed_at": now, "customer_id": customer_id, "asked_by": by}
    new = list_calls(session, [row]) == 1
    if new:
        session.add(Act(actor=by, act="ask_for_call", subject=f"customer {customer_id}", detail={"call": key}, at=now))
    return new
