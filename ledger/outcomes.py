"""Outcomes: what happened after a message or an assignment: delivered, bounced, replied, unsubscribed, resolved."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, func, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Outcome(Base):
    """One thing that happened to one message, once, however often it was reported."""

    __tablename__ = "outcomes"

    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    detail: Mapped[str | None]


def add_outcomes(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write outcomes, each kind once a message; of several reports the earliest stays, whatever order they come in."""
    earliest: dict[tuple[int, str], dict[str, Any]] = {}
    for row in sorted(rows, key=_age, reverse=True):
        earliest[row["message_id"], row["kind"]] = row
    if not earliest:
        return
    new = insert(Outcome).values([earliest[slot] for slot in sorted(earliest)])
    older = tuple_(new.excluded.occurred_at, func.coalesce(new.excluded.detail, "")) < tuple_(
        Outcome.occurred_at, func.coalesce(Outcome.detail, ""))  # fmt: skip
    session.execute(new.on_conflict_do_update(index_elements=["message_id", "kind"], where=older, set_={
        "occurred_at": new.excluded.occurred_at, "detail": new.excluded.detail}))  # fmt: skip


def _age(row: dict[str, Any]) -> tuple[datetime, str]:
    return row["occurred_at"], row["detail"] or ""
