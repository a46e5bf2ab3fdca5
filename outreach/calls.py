"""Calls a person made: how it went moves the message, as a provider's event would.

A call that the customer asked for is about a message that went another way: how it went says nothing of that one. A call that
a colleague asked for moves no message; one that reached the customer is a contact, which a held-out arm must know.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from core.errors import ConfigError, unknown_name
from ledger.acts import Act
from ledger.calls import Call, settle_call
from ledger.suppressions import suppress
from outreach.contact import record_contact
from outreach.event import Event, Kind
from outreach.events import hear_told

PROVIDER = "call_list"
VERDICTS = {
    "reached": Kind.DELIVERED,
    "not_reached": Kind.DROPPED,     # tried often enough, given up
    "wrong_number": Kind.BOUNCED,
    "wants_no_calls": Kind.OPTED_OUT,
}


def settle(session: Session, key: str, *, verdict: str, by: str, now: datetime) -> bool:
    """Write how a call went and who says so; False where it was settled already. Raise ConfigError for an unknown verdict."""
    if verdict not in VERDICTS:
        raise ConfigError(unknown_name(f"calls --settle {key}", "verdict", verdict, VERDICTS))
    if not by.strip():
        raise ConfigError(f"calls --settle {key}: --by: who made the call is missing, got {by!r}. Add --by NAME.")
    asked = settle_call(session, key, verdict=verdict, by=by, now=now)
    if asked is None:
        return False
    call = session.get_one(Call, key)
    if call.customer_id is not None:
        _settle_asked_for(session, call.customer_id, verdict, by, now)
    elif not asked or VERDICTS[verdict] is Kind.OPTED_OUT:
        hear_told(session, [Event(PROVIDER, f"{key} {verdict}", VERDICTS[verdict], key, now)], now=now)
    detail = {"verdict": verdict, "asked": asked}
    session.add(Act(actor=by, act="settle_call", subject=f"message {key}", detail=detail, at=now))
    return True


def _settle_asked_for(session: Session, customer_id: str, verdict: str, by: str, now: datetime) -> None:
    if verdict == "wants_no_calls":
        suppress(session, [{"subject": customer_id, "topic": "all", "reason": "opt_out", "since": now}])
    if verdict in ("reached", "wants_no_calls"):
        record_contact(session, customer_id, "a call that a colleague asked for", by=by, now=now)
