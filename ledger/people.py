"""People: who may sign in to the console, in which role, and the one-time links by which they choose a password."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import ForeignKey, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.errors import LedgerError, unknown_name
from ledger.base import Base

ROLES = ("viewer", "reviewer", "approver", "admin")  # each may do what those before it may
LINK_LASTS = timedelta(hours=24)


class Person(Base):
    """Somebody who signs in; `password_hash` is Argon2's, `subject` what an OpenID provider calls them."""

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)       # lower case
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None]
    subject: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class OneTimeLink(Base):
    """A link that lets one person choose a password, once; only its digest is kept."""

    __tablename__ = "one_time_links"

    digest: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


def digest(secret: str) -> str:
    """Return what is kept of a secret of full entropy: enough to know it again, useless to whoever reads the table."""
    return sha256(secret.encode()).hexdigest()


def may(role: str, needed: str) -> bool:
    """Say whether `role` includes `needed`."""
    return ROLES.index(role) >= ROLES.index(needed)


def add_person(session: Session, *, email: str, name: str, role: str, now: datetime) -> Person:
    """Add a person. Raise LedgerError for an unknown role, or an address that is there already."""
    check_role(role)
    if by_email(session, email) is not None:
        raise LedgerError(f"people: {email.lower()!r} is there already. `beforehand people role` changes what they may do.")
    person = Person(email=email.strip().lower(), name=name, role=role, created_at=now)
    session.add(person)
    session.flush()
    return person


def check_role(role: str) -> None:
    """Raise LedgerError that names the nearest role when this is none."""
    if role not in ROLES:
        raise LedgerError(unknown_name("people", "role", role, ROLES))


def by_email(session: Session, email: str) -> Person | None:
    """Return the person with this address, in any case of its letters."""
    return session.scalar(select(Person).where(Person.email == email.strip().lower()))


def known_person(session: Session, email: str) -> Person:
    """Return the person with this address. Raise LedgerError that names the nearest where there is none."""
    person = by_email(session, email)
    if person is None:
        raise LedgerError(unknown_name("people", "address", email, session.scalars(select(Person.email)).all()))
    return person


def active_admins(session: Session) -> int:
    """Return how many people could let others in."""
    counted = select(func.count()).select_from(Person).where(Person.role == "admin", Person.disabled_at.is_(None))
    return session.scalar(counted) or 0


def make_link(session: Session, person: Person, *, now: datetime) -> str:
    """Return the secret of a new one-time link for `person`; older unused ones stop working."""
    old = update(OneTimeLink).where(OneTimeLink.person_id == person.id, OneTimeLink.used_at.is_(None))
    session.execute(old.values(used_at=now))
    secret = secrets.token_urlsafe(32)
    session.add(OneTimeLink(digest=digest(secret), person_id=person.id, expires_at=now + LINK_LASTS))
    session.flush()
    return secret


def whose_link(session: Session, secret: str, *, now: datetime) -> Person | None:
    """Return whom an unused, unexpired link is for."""
    valid = (OneTimeLink.digest == digest(secret), OneTimeLink.used_at.is_(None), OneTimeLink.expires_at > now)
    return session.scalar(select(Person).join(OneTimeLink).where(*valid, Person.disabled_at.is_(None)))


def use_link(session: Session, secret: str, *, now: datetime) -> Person | None:
    """Use a link up and return whom it is for; None where it is used, expired or unknown. Two at once: one of them."""
    valid = (OneTimeLink.digest == digest(secret), OneTimeLink.used_at.is_(None), OneTimeLink.expires_at > now)
    person_id = session.scalar(update(OneTimeLink).where(*valid).values(used_at=now).returning(OneTimeLink.person_id))
    person = session.get(Person, person_id) if person_id is not None else None
    return person if person is not None and person.disabled_at is None else None
