"""Erase a customer: from every table, file and log, leaving a keyed hash by which they stay suppressed and unknown.

Counts, arms and readings stay: the hash stands where the id stood. What their rows say is emptied; where others' words, raw
mails and logs name them, the hash takes the name's place. Running it again, also after a crash, ends the same.
"""

from collections.abc import Iterable, Sequence
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
from ledger.contacts import Contact
from ledger.customers import Customer
from ledger.flags import Flag
from ledger.gestures import Gesture
from ledger.messages import Message
from ledger.suppressions import Suppression, suppress
from outreach.hooks.file import FOLDER as ACTIONS
from outreach.keyed_hash import suppression_hash
from outreach.mentions import Mentions, sweep_bodies, sweep_files, sweep_words

IDENTIFIERS = ("customer_id", "unit_id", "address", "phone", "asked_by")  # columns in which the hash takes their place
CONTENT = ("evidence", "parameters", "detail", "text", "note", "says", "because")  # of their own rows, emptied
WORDS = ("detail", "text", "note", "says", "because", "reason", "reasons", "said_by", "source", "receipt", "problem", "subject")
LARGE = ("messages", "flags", "transitions", "verdicts", "assignments", "targets", "outcomes")  # a name is looked for in their own rows
STAFF = ("people", "sign_ins", "one_time_links", "api_tokens")
NOT_THEIRS = ("customers", "suppressions", "event_bodies", "acts")  # looked after one by one


@dataclass(frozen=True)
class Erased:
    """Who is to be forgotten: every name they go by, and what was written to them."""

    customer_id: str
    names: tuple[str, ...]            # id, and address and phone that nobody shares
    pseudonym: str
    flags: Sequence[int]
    messages: Sequence[int]
    files: tuple[str, ...]            # below the storage root
    told: tuple[str, ...]             # under which the audit trail speaks of what was theirs
    mentions: Mentions


def erase(settings: Settings, customer_id: str, *, by: str, now: datetime) -> dict[str, int]:
    """Erase a customer everywhere; return how many rows and files of what were removed or emptied."""
    from feature_store.erase import erase as erase_facts

    with database.sessions(settings).begin() as session:
        who = _who(session, settings, customer_id)
        gone = {"subject": "", "topic": "all", "reason": "erased", "since": now}
        suppress(session, [gone | {"subject": suppression_hash(settings, name)} for name in who.names])
    counts = erase_facts(settings, customer_id, who.names[1:])
    counts["files"] = sum(_unlink(settings, place) for place in who.files) + sweep_files(settings, who.mentions)
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
    names, mine = (customer_id, *own), {"customer_id": customer_id}
    flags = session.scalars(select(Flag.id).filter_by(**mine)).all()
    messages = session.execute(select(Message.id, Message.key, Message.day).filter_by(**mine)).all()
    actions = session.execute(select(Action.id, Action.key, Action.day).filter_by(**mine)).all()
    files = [f"mailbox/{m.day}/{m.key}.eml" for m in messages] + [f"{ACTIONS}/{a.day}/{a.key}.json" for a in actions]
    ids: dict[str, Iterable[Any]] = {
        "message": [each for m in messages for each in (m.id, m.key)], "action": [a.id for a in actions],
        "contact": session.scalars(select(Contact.id).filter_by(**mine)), "gesture": session.scalars(select(Gesture.id).filter_by(**mine)),
    }  # fmt: skip
    told = (f"customer {customer_id}", *(f"{kind} {each}" for kind, found in ids.items() for each in found))
    pseudonym = suppression_hash(settings, customer_id)
    return Erased(customer_id, names, pseudonym, flags, [m.id for m in messages], tuple(files), told,
                  Mentions(names, [m.key for m in messages], pseudonym))  # fmt: skip


def _unlink(settings: Settings, place: str) -> int:
    path = settings.root.joinpath(place)
    there = path.exists()
    path.unlink(missing_ok=True)
    return int(there)


def _from_ledger(session: Session, who: Erased) -> int:
    """Put the hash in the customer's place in every table, and empty what their rows say; a new table is found by its columns."""
    keys = select(Message.key).where(Message.id.in_(who.messages))
    touched = sum(_from_table(session, table, who, keys) for table in database.tables().sorted_tables if table.name not in NOT_THEIRS)
    touched += sweep_bodies(session, who.mentions)
    statements = [
        update(Act).where(Act.subject == f"customer {who.customer_id}").values(subject=f"customer {who.pseudonym}", detail={}),
        update(Act).where(Act.subject.in_(who.told), Act.detail != cast(literal("{}"), JSONB)).values(detail={}),
        delete(Suppression).where(Suppression.subject.in_(who.names)),
        delete(Customer).where(Customer.customer_id == who.customer_id),
    ]  # fmt: skip
    touched += sum(_rows(session, statement) for statement in statements)
    small = (table for table in database.tables().sorted_tables if table.name not in (*LARGE, *STAFF))
    return touched + sum(sweep_words(session, table, [name for name in _worded(table) if name in WORDS], who.mentions) for table in small)


def _from_table(session: Session, table: Table, who: Erased, keys: Any) -> int:
    columns = table.columns
    theirs = {"customer_id": who.names, "unit_id": who.names, "flag_id": who.flags, "message_id": who.messages}
    own = [columns[name].in_(values) for name, values in theirs.items() if name in columns]
    own += [columns["message_key"].in_(keys)] if "message_key" in columns else []
    if not own:
        return 0
    swept = sweep_words(session, table, _worded(table), who.mentions, or_(*own))
    emptied = [name for name in CONTENT if name in columns] + (["reasons"] if table.name == "flags" else [])
    named = [name for name in IDENTIFIERS if name in columns]
    if not (emptied or named):
        return swept
    changed = {name: _empty(columns[name]) for name in emptied}
    changed |= {name: case((columns[name].in_(who.names), who.pseudonym), else_=columns[name]) for name in named}
    return _rows(session, update(table).where(or_(*own)).values(changed))


def _worded(table: Table) -> list[str]:
    """Return the columns of a table in which a name may stand without being the row's own."""
    ours = (*IDENTIFIERS, "key", "issue", "state")
    return [column.name for column in table.columns if isinstance(column.type, (sa.String, JSONB))
            and not column.primary_key and not column.foreign_keys and column.name not in ours]  # fmt: skip


def _empty(column: sa.Column[Any]) -> Any:
    """Return nothing of the column's kind."""
    if isinstance(column.type, JSONB):
        return case((func.jsonb_typeof(column) == "array", cast(literal("[]"), JSONB)), else_=cast(literal("{}"), JSONB))
    return None if column.nullable else ""


def _rows(session: Session, statement: Any) -> int:
    return int(sa_cast("CursorResult[Any]", session.execute(statement)).rowcount)
