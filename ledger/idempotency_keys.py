"""Idempotency keys: a request that was sent twice is done once, and answered both times alike. Keys are kept for good."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.errors import LedgerError
from ledger.base import Base


class IdempotencyKey(Base):
    """One request that was done: by whom, under which key, a digest of what was asked, and what was answered."""

    __tablename__ = "idempotency_keys"

    token: Mapped[str] = mapped_column(primary_key=True)    # the token's name: two systems may choose the same key
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    answer: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class KeyUsedError(LedgerError):
    """The key was used for another request."""


@dataclass(frozen=True)
class Asked:
    """A request as its sender means it: the token's name, the key, and a digest of what is asked."""

    token: str
    key: str
    digest: str


def answer_once(session: Session, asked: Asked, work: Callable[[], dict[str, Any]], *, now: datetime) -> tuple[dict[str, Any], bool]:
    """Do `work` and keep its answer, or return the answer kept before; whether it was kept before.

    Of two at once the second waits until the first has ended. Raise KeyUsedError when the key was used for something else.
    """
    row = {"token": asked.token, "key": asked.key, "digest": asked.digest, "answer": {}, "at": now}
    new = insert(IdempotencyKey).values(**row).on_conflict_do_nothing().returning(IdempotencyKey.key)
    here = (IdempotencyKey.token == asked.token, IdempotencyKey.key == asked.key)
    if session.scalar(new) is not None:
        answer = work()
        session.execute(update(IdempotencyKey).where(*here).values(answer=answer))
        return answer, False
    digest, answer = session.execute(select(IdempotencyKey.digest, IdempotencyKey.answer).where(*here)).one()
    if digest != asked.digest:
        raise KeyUsedError(f"Idempotency-Key: {asked.key!r} was used for another request. Send what you mean under a new key; "
                           "under this one the first request stands.")  # fmt: skip
    return answer, True
