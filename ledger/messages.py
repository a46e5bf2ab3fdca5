"""Messages: what we decided to say, and how far it got. Every arrow is one SQL statement.

planned -> claimed -> accepted | refused | uncertain
planned -> held_out | shadow | suppressed   (never called; kept with its time)
claimed -> uncertain                        (lease expired: the call may have happened, no machine resends)
uncertain -> accepted | refused             (the provider's event, or a person, settles it)
uncertain -> planned                        (only where the channel can prove that it never got it, see `give_back`)
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import CursorResult, ForeignKey, Index, UniqueConstraint, Update, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class State(StrEnum):
    """How far a message got."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    HELD_OUT = "held_out"
    SHADOW = "shadow"
    SUPPRESSED = "suppressed"


class Message(Base):
    """One thing we mean to say about one flag, of one kind, at most once, for good."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("flag_id", "kind"),
        Index("ix_messages_due", "due_at", postgresql_where="state = 'planned'"),
        Index("ix_messages_leased", "lease_until", postgresql_where="state = 'claimed'"),
        Index("ix_messages_doubtful", "channel", postgresql_where="state = 'uncertain'"),
        Index("ix_messages_issue_day", "issue", "day"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)        # our message id, told to the provider; stable over reruns
    flag_id: Mapped[int] = mapped_column(ForeignKey("flags.id"))
    kind: Mapped[str]                                    # notice | update | fixed | survey
    issue: Mapped[str]
    playbook_version: Mapped[str]
    customer_id: Mapped[str]
    unit_id: Mapped[str] = mapped_column(index=True)
    channel: Mapped[str]
    day: Mapped[date]                                    # the cohort's day
    state: Mapped[str] = mapped_column(default=State.PLANNED)
    reasons: Mapped[list[Any]] = mapped_column(default=list)  # why it was suppressed or refused
    planned_at: Mapped[datetime]
    due_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0)        # grows with each claim; an old holder cannot record
    receipt: Mapped[str | None]                          # what the provider called it
    settled_at: Mapped[datetime | None]


def claim_due(session: Session, *, now: datetime, lease: timedelta, limit: int) -> list[Message]:
    """Take up to `limit` due messages for sending; no two callers get the same one. Commit before calling a provider."""
    due = (
        select(Message.id)
        .where(Message.state == State.PLANNED, Message.due_at <= now)
        .order_by(Message.due_at, Message.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")  # looked up once: a subquery may be run again for every row, and claim more than `limit`
    )
    taken = (
        update(Message)
        .where(Message.id.in_(select(due.c.id)), Message.state == State.PLANNED)
        .values(state=State.CLAIMED, claimed_at=now, lease_until=now + lease, fence=Message.fence + 1)
        .returning(Message)
    )
    return list(session.scalars(taken, execution_options={"populate_existing": True}))


def record(session: Session, message_id: int, fence: int, *, state: State, now: datetime, **also: Any) -> bool:
    """Write what became of a claimed message; False when someone else has claimed or settled it since."""
    here = (Message.id == message_id, Message.fence == fence, Message.state == State.CLAIMED)
    values = {"state": state, "settled_at": now, "lease_until": None, **also}
    return _moved(session, update(Message).where(*here).values(**values)) == 1


@dataclass(frozen=True)
class Result:
    """What became of one claimed message: its new state (planned: given back, due later), and why."""

    message_id: int
    fence: int
    state: State
    playbook_version: str
    receipt: str | None = None
    reasons: tuple[str, ...] = ()
    due_at: datetime | None = None


def record_all(session: Session, results: Sequence[Result], *, now: datetime) -> set[int]:
    """Write what became of a batch in one statement; return the ids still held, the others were taken or settled since."""
    if not results:
        return set()
    columns = {
        "ids": [r.message_id for r in results], "fences": [r.fence for r in results],
        "states": [str(r.state) for r in results], "versions": [r.playbook_version for r in results],
        "receipts": [r.receipt for r in results], "reasons": [json.dumps(r.reasons) for r in results],
        "dues": [r.due_at for r in results],
    }  # fmt: skip
    return {row.id for row in session.execute(RECORD_ALL, {**columns, "now": now})}


RECORD_ALL = text("""
    UPDATE messages AS m SET
        state = r.state, playbook_version = r.version, receipt = r.receipt, reasons = r.reasons::jsonb,
        lease_until = NULL,
        due_at = COALESCE(r.due_at, m.due_at),
        claimed_at = CASE WHEN r.state = 'planned' THEN NULL ELSE m.claimed_at END,
        settled_at = CASE WHEN r.state = 'planned' THEN NULL ELSE CAST(:now AS timestamptz) END
    FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS int[]), CAST(:states AS text[]), CAST(:versions AS text[]),
                CAST(:receipts AS text[]), CAST(:reasons AS text[]), CAST(:dues AS timestamptz[]))
         AS r(id, fence, state, version, receipt, reasons, due_at)
    WHERE m.id = r.id AND m.fence = r.fence AND m.state = 'claimed'
    RETURNING m.id
""")


def expire_leases(session: Session, *, now: datetime) -> int:
    """Turn claims whose lease ran out into doubts; return how many. Their provider call may have happened."""
    late = (Message.state == State.CLAIMED, Message.lease_until < now)
    return _moved(session, update(Message).where(*late).values(state=State.UNCERTAIN, settled_at=now))


def defer(session: Session, message_id: int, fence: int, *, due_at: datetime) -> bool:
    """Give a claimed message back, to be due later; it moves and is never copied. Only before the provider was called."""
    here = (Message.id == message_id, Message.fence == fence, Message.state == State.CLAIMED)
    values = {"state": State.PLANNED, "due_at": due_at, "claimed_at": None, "lease_until": None}
    return _moved(session, update(Message).where(*here).values(**values)) == 1


def settle(session: Session, message_id: int, *, state: State, now: datetime, receipt: str | None = None) -> bool:
    """Settle a doubt, by the provider's event or a person's word; only an uncertain message moves."""
    here = (Message.id == message_id, Message.state == State.UNCERTAIN)
    values = {"state": state, "settled_at": now, "receipt": receipt}
    return _moved(session, update(Message).where(*here).values(**values)) == 1


def give_back(session: Session, message_ids: Sequence[int]) -> int:
    """Plan again what the channel proved it never got, and would take only once by its key; return how many moved."""
    here = (Message.id.in_(message_ids), Message.state == State.UNCERTAIN)
    values: dict[str, Any] = {"state": State.PLANNED, "claimed_at": None, "lease_until": None, "settled_at": None,
                              "reasons": []}  # fmt: skip
    return _moved(session, update(Message).where(*here).values(**values))


def _moved(session: Session, statement: Update) -> int:
    """Return how many messages a statement moved."""
    return cast("CursorResult[Any]", session.execute(statement)).rowcount
