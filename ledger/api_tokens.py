"""API tokens: what other systems show to be let in, each for stated scopes; only a digest is kept."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.errors import LedgerError, unknown_name
from ledger.base import Base
from ledger.people import digest

SCOPES = ("holdout:read", "flags:read", "contacts:write", "outcomes:write")
PREFIX = "bfh_"  # so that a leaked one is recognised for what it is
SEEN_EVERY = timedelta(minutes=5)


class ApiToken(Base):
    """One system's key: a name to revoke it by, what it may do, until when."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[Any]]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]        # to the nearest five minutes


def make_token(
    session: Session, *, name: str, scopes: Sequence[str], by: str, now: datetime, lasts: timedelta | None = None
) -> str:
    """Return a new token, shown this once. Raise LedgerError for an unknown scope or a name in use."""
    for scope in scopes:
        if scope not in SCOPES:
            raise LedgerError(unknown_name("tokens", "scope", scope, SCOPES))
    if session.scalar(select(ApiToken.id).where(ApiToken.name == name)) is not None:
        raise LedgerError(f"tokens: the name {name!r} was used before. Choose another, so that the trail stays clear.")
    secret = PREFIX + secrets.token_urlsafe(32)
    session.add(ApiToken(name=name, digest=digest(secret), scopes=list(scopes), made_by=by, made_at=now,
                         expires_at=now + lasts if lasts else None))  # fmt: skip
    session.flush()
    return secret


def token_in_force(session: Session, secret: str, *, now: datetime) -> ApiToken | None:
    """Return the token with this secret, unless it is unknown, revoked or expired."""
    token = session.scalar(select(ApiToken).where(ApiToken.digest == digest(secret), ApiToken.revoked_at.is_(None)))
    if token is None or (token.expires_at is not None and token.expires_at <= now):
        return None
    if token.used_at is None or token.used_at < now - SEEN_EVERY:
        token.used_at = now
    return token


def revoke(session: Session, name: str, *, now: datetime) -> None:
    """End a token. Raise LedgerError that names the nearest where there is none."""
    if session.scalar(select(ApiToken.id).where(ApiToken.name == name)) is None:
        raise LedgerError(unknown_name("tokens", "name", name, session.scalars(select(ApiToken.name)).all()))
    session.execute(update(ApiToken).where(ApiToken.name == name, ApiToken.revoked_at.is_(None)).values(revoked_at=now))
