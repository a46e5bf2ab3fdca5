"""What an admin does about people, the same from the console and the command line; each is an act in the audit trail."""

from datetime import datetime

from sqlalchemy.orm import Session

from core.errors import ConfigError, LedgerError
from core.settings import Settings
from ledger import people, sign_ins
from ledger.acts import Act
from ledger.people import Person


def add(session: Session, *, email: str, name: str, role: str, by: str, now: datetime) -> Person:
    """Let somebody in. Raise ConfigError where `email` is no address, LedgerError where it is there already."""
    if "@" not in email.strip().strip("@"):
        raise ConfigError(f"people add: an e-mail address is needed, got {email!r}. Write it as ann@company.example.")
    person = people.add_person(session, email=email, name=name.strip() or email.partition("@")[0], role=role, now=now)
    _trail(session, "add", person, by, now, role=role)
    return person


def link(session: Session, settings: Settings, person: Person, *, by: str, now: datetime) -> str:
    """Return the address of a new one-time link. Raise LedgerError for somebody who is kept out."""
    if person.disabled_at is not None:
        raise LedgerError(f"people: {person.email} is disabled since {person.disabled_at:%Y-%m-%d}. Give them a role to let them in again.")
    _trail(session, "link", person, by, now)
    return f"{settings.console.url}/welcome/{people.make_link(session, person, now=now)}"


def change_role(session: Session, person: Person, role: str, *, by: str, now: datetime) -> str:
    """Change what a person may do, let them in again where they were kept out, and return their role before."""
    people.check_role(role)
    _keep_an_admin(session, person, stays=role == "admin")
    before, person.role, person.disabled_at = person.role, role, None
    sign_ins.end_all(session, person.id, now=now)
    _trail(session, "role", person, by, now, role=role, before=before)
    return before


def disable(session: Session, person: Person, *, by: str, now: datetime) -> None:
    """Keep a person out and sign them out everywhere."""
    _keep_an_admin(session, person, stays=False)
    person.disabled_at = person.disabled_at or now
    sign_ins.end_all(session, person.id, now=now)
    _trail(session, "disable", person, by, now)


def _keep_an_admin(session: Session, person: Person, *, stays: bool) -> None:
    if person.role == "admin" and person.disabled_at is None and not stays and people.active_admins(session) == 1:
        raise LedgerError(f"people: {person.email} is the only admin. Make another one first: beforehand people add ADDRESS --role admin")


def _trail(session: Session, act: str, person: Person, by: str, now: datetime, **detail: str) -> None:
    session.add(Act(actor=by, act=f"people {act}", subject=f"person {person.email}", detail=detail, at=now))
    session.flush()
