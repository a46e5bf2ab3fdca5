"""Is this customer held out? The one answer that every door gives: the command line, the API, and whoever imports it."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import LedgerError, unknown_name
from core.settings import Settings
from ledger.assignments import drawn_scopes
from ledger.customers import Customer
from outreach.holdout import PROGRAMME, held_out_from


def heldout(session: Session, customer_id: str, *, day: date, settings: Settings, issue: str | None = None) -> dict[str, Any]:
    """Return whether a customer must not be contacted on `day`, from which scopes they are held out, and until when.

    Without an issue every one counts. Whoever was never drawn is not held out. Raise LedgerError for an issue nobody knows.
    """
    known = drawn_scopes(session)
    configured = {path.stem for path in (settings.folder / "playbooks").glob("*.toml")}
    if issue is not None and issue not in known | configured:
        raise LedgerError(unknown_name("heldout", "issue", issue, known | configured))
    scopes = known if issue is None else {PROGRAMME, issue}
    unit = unit_of(session, customer_id)
    found = held_out_from(session, unit, scopes=sorted(scopes), day=day, settings=settings)
    return {"customer": customer_id, "unit": unit, "day": day.isoformat(), "issue": issue, "held_out": bool(found),
            "scopes": {scope: until.isoformat() for scope, until in sorted(found.items())}}  # fmt: skip


def unit_of(session: Session, customer_id: str) -> str:
    """Return the contact unit of a customer; one we have no details of is a unit alone."""
    return session.scalar(select(Customer.unit_id).where(Customer.customer_id == customer_id)) or customer_id


def units_of(session: Session, customers: Iterable[str]) -> dict[str, str]:
    """Map customers to their contact units."""
    asked = list(customers)
    rows = session.execute(select(Customer.customer_id, Customer.unit_id).where(Customer.customer_id.in_(asked)))
    return {customer: customer for customer in asked} | {customer: unit for customer, unit in rows}
