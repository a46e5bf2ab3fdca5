"""Sign-ins: who is in the console right now. The cookie holds a secret, the ledger its digest."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base
from ledger.people import Person, digest

IDLE = timedelta(hours=2)       # without a click for this long, one signs in anew
SEEN_EVERY = timedelta(minutes=5)


class SignIn(Base):
    """One person's sign-in in one browser, until it ends, lies idle or expires."""

    __tablename__ = "sign_ins"

    digest: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    csrf: Mapped[str]                       # what a form of this sign-in carries
    began_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Visitor:
    """Who asks for a page."""

    person_id: int
    name: str
    email: str
    role: str
    csrf: str


def begin(session: Session, person: Person, *, lasts: timedelta, now: datetime) -> str:
    """Sign a person in and return the cookie's secret, a new one each time."""
    secret = secrets.token_urlsafe(32)
    session.add(SignIn(digest=digest(secret), person_id=person.id, csrf=secrets.token_urlsafe(24), began_at=now,
                       seen_at=now, expires_at=now + lasts))  # fmt: skip
    session.flush()
    return secret


def visitor(session: Session, secret: str, *, now: datetime) -> Visitor | None:
    """Return who holds this cookie; None when the sign-in ended, expired or lay idle, or the person was disabled."""
    row = session.execute(
        select(SignIn, Person).join(Person, Person.id == SignIn.person_id).where(
            SignIn.digest == digest(secret), SignIn.ended_at.is_(None), SignIn.expires_at > now,
            SignIn.seen_at > now - IDLE, Person.disabled_at.is_(None))
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    sign_in, person = row
    if sign_in.seen_at < now - SEEN_EVERY:
        sign_in.seen_at = now
    return Visitor(person.id, person.name, person.email, person.role, sign_in.csrf)


def end(session: Session, secret: str, *, now: datetime) -> None:
    """Sign out in one browser."""
    session.execute(update(SignIn).where(SignIn.digest == digest(secret), SignIn.ended_at.is_(None)).values(ended_at=now))


def end_all(session: Session, person_id: int, *, now: datetime) -> None:
    """Sign a person out everywhere: after a new password, a changed role, or when disabled."""
    session.execute(update(SignIn).where(SignIn.person_id == person_id, SignIn.ended_at.is_(None)).values(ended_at=now))
