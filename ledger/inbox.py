"""Inbox: what other systems told us of a customer, as it came, with the moment we received it; a source reads it from here.

Rows are added and never changed: a correction or a withdrawal is a further row, as with every other source.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base

KINDS = ("contact", "outcome")


class InboxRow(Base):
    """One contact or outcome that a token's holder posted."""

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_kind_recorded_at", "kind", "recorded_at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]                                       # contact | outcome
    customer_id: Mapped[str] = mapped_column(index=True)
    body: Mapped[dict[str, Any]]                            # what was said of them, as it came
    token: Mapped[str]                                      # the name of the token it came with
    idempotency_key: Mapped[str]                            # of the request it came in
    recorded_at: Mapped[datetime]                           # when we received it, by our own clock


def receive(
    session: Session, kind: str, rows: Sequence[tuple[str, dict[str, Any]]], *, token: str, idempotency_key: str, now: datetime
) -> int:
    """Write what came in one request, rows of (customer id, body); return how many."""
    came = {"kind": kind, "token": token, "idempotency_key": idempotency_key, "recorded_at": now}
    if rows:
        session.execute(insert(InboxRow), [came | {"customer_id": customer, "body": body} for customer, body in rows])
    return len(rows)
