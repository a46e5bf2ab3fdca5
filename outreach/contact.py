"""A contact that a colleague tells of: an act in the audit trail, and a contamination where the customer was held out."""

from datetime import datetime

from sqlalchemy.orm import Session

from core.errors import LedgerError
from ledger.acts import Act
from outreach.news import contaminations


def record_contact(session: Session, customer_id: str, how: str, *, by: str, now: datetime) -> int:
    """Write down that a customer was contacted; return how many holdouts that soils. Raise LedgerError without a name."""
    if not by.strip():
        raise LedgerError(f"heldout {customer_id}: somebody must have contacted them, got no name. Say --as NAME.")
    act = Act(actor=by, act="contacted", subject=f"customer {customer_id}", detail={"how": how}, at=now)
    session.add(act)
    session.flush()
    return contaminations(session, [(customer_id, f"act {act.id}", now, how)], source=f"told by {by}", now=now)
