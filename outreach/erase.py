"""Erase a customer: from every table, file and log, leaving a keyed hash by which they stay suppressed and unknown.

Counts, arms and readings stay: the hash stands where the id stood. Running it again, also after a crash, ends the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from typing import cast as sa_cast

import sqlalchemy as sa
from sqlalchemy import CursorResult, Table, case, cast, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger import database
from ledger.actions import Action
from ledger.acts import Act
from ledger.customers import Customer
from ledger.event_bodies import EMPTIED, EventBody
from ledger.flags import Flag
from ledger.inbox import InboxRow
from ledger.messages import Message
from ledger.suppressions import Suppression, suppress
from outreach.hooks.file import FOLDER as ACTIONS
from outreach.keyed_hash import suppression_hash

IDENTIFIERS = ("customer_id", "unit_id", "address", "phone", "asked_by")  # columns in which the hash takes their place
CONTENT = ("evidence", "parameters", "detail", "text", "note", "says", "because")  # of their own rows, emptied
NOT_THEIRS = ("customers", "suppressions", "event_bodies", "acts", "inbox")  # looked after one by one


@dataclass(frozen=True)
class Erased:
    """Who is to be forgotten: every name they go by, and what was written to them."""

    customer_id: str
    names: tuple[str, ...]            # id, and address and phone that nobody shares
    pseudonym: str
    flags: Sequence[int]
    messages: Sequence[int]
    files: tuple[str, ...]            # below the storage root


def erase(settings: Settings, customer_id: str, *, by: str, now: datetime) -> dict[str, int]:
    """Erase a customer everywhere; return how many rows and files of what were removed or emptied."""
    from feature_store.erase import erase as erase_facts

    with database.sessions(settings).begin() as session:
        who = _who(session, settings, customer_id)
        gone = {"subject": "", "topic": "all", "reason": "erased", "since": now}
        suppress(session, [gone | {"subject": suppression_hash(settings, name)} for name in who.names])
    counts = erase_facts(settings, customer_id)
    counts["files"] = sum(_unlink(settings, place) for place in who.files)
    with database.sessions(settings).begin() as session:
        counts["ledger"] = _from_ledger(session, who)
        detail: dict[str, Any] = dict(counts)
        session.add(Act(actor=by, act="erase", subject=f"customer {who.pseudonym}", detail=detail, at=now))
    return counts


def _who(session: Session, settings: Settings, customer_id: str) -> Erased:
    details = session.execute(select(Customer.address, Customer.phone).where(Customer.customer_id == customer_id)).first()
    shared = [session.scalar(select(func.count()).where(column == value)) or 0
              for column, value in zip((Customer.address, Customer.phone), details or (), strict=False)]  # fmt: skip
    own = (value for value, holders in zip(details or (), shared, strict=True) if value and holders == 1)
    flags = session.scalars(select(Flag.id).where(Flag.customer_id == customer_id)).all()
    messages = session.execute(select(Message.id, Message.key, Message.day).where(Message.customer_id == customer_id)).all()
    actions = session.execute(select(Action.key, Action.day).where(Action.customer_id == customer_id)).all()
    files = [f"mailbox/{m.day}/{m.key}.eml" for m in messages] + [f"{ACTIONS}/{a.day}/{a.key}.json" for a in actions]
    return Erased(customer_id, (customer_id, *own), suppression_hash(settings, customer_id), flags, [m.id for m in messages], tuple(files))


def _unlink(settings: Settings, place: str) -> int:
    path = settings.root.joinpath(place)
    there = path.exists()
    path.unlink(missing_ok=True)
    return int(there)


def _from_ledger(session: Session, who: Erased) -> int:
    """Put the hash in the customer's place in every table, and empty what their rows say; a new table is found by its columns."""
    keys = select(Message.key).where(Message.id.in_(who.messages))
    touched = sum(_from_table(session, table, who, keys) for table in database.tables().sorted_tables if table.name not in NOT_THEIRS)
    told = f"customer {who.customer_id}"
    statements = [
        update(Act).where(Act.subject == told).values(subject=f"customer {who.pseudonym}", detail={}),
        *(update(EventBody).where(sa.text(MENTIONS).bindparams(name=name.lower())).values(body=EMPTIED) for name in who.names[1:]),
        delete(Suppression).where(Suppression.subject.in_(who.names)),
        delete(Customer).where(Customer.customer_id == who.customer_id),
        delete(InboxRow).where(InboxRow.customer_id == who.customer_id),
    ]  # fmt: skip
    return touched + sum(_rows(session, statement) for statement in statements)


def _from_table(session: Session, table: Table, who: Erased, keys: Any) -> int:
    columns = table.columns
    theirs = {"customer_id": who.names, "unit_id": who.names, "flag_id": who.flags, "message_id": who.messages}
    own = [columns[name].in_(values) for name, values in theirs.items() if name in columns]
    own += [columns["message_key"].in_(keys)] if "message_key" in columns else []
    emptied = [name for name in CONTENT if name in columns] + (["reasons"] if table.name == "flags" else [])
    named = [name for name in IDENTIFIERS if name in columns]
    if not own or not (emptied or named):
        return 0
    changed = {name: _empty(columns[name]) for name in emptied}
    changed |= {name: case((columns[name].in_(who.names), who.pseudonym), else_=columns[name]) for name in named}
    return _rows(session, update(table).where(or_(*own)).values(changed))


def _empty(column: sa.Column[Any]) -> Any:
    """Return nothing of the column's kind."""
    if isinstance(column.type, JSONB):
        return case((func.jsonb_typeof(column) == "array", cast(literal("[]"), JSONB)), else_=cast(literal("{}"), JSONB))
    return None if column.nullable else ""


def _rows(session: Session, statement: Any) -> int:
    return int(sa_cast("CursorResult[Any]", session.execute(statement)).rowcount)


MENTIONS = "position(:name IN lower(encode(body, 'escape'))) > 0"
