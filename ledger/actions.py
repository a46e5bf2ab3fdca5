"""Actions: what is really done for a customer, and how far it got. Every arrow is one SQL statement.

planned -> claimed -> done | refused | uncertain
planned -> stopped                          (the trouble was over, or the flag closed, before it was done)
claimed -> planned                          (certainly not done: it moves, it is never copied)
claimed -> uncertain                        (lease expired: it may have been done, no machine does it again)
uncertain -> done | refused                 (a person settles it)
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class ActionState(StrEnum):
    """How far an action got."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    DONE = "done"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    STOPPED = "stopped"


class Action(Base):
    """One thing done for one customer, at most once, for good."""

    __tablename__ = "actions"
    __table_args__ = (
        UniqueConstraint("flag_id", "what"),
        Index("ix_actions_due", "due_at", postgresql_where="state = 'planned'"),
        Index("ix_actions_leased", "lease_until", postgresql_where="state = 'claimed'"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)        # our id, told to the hook; stable over reruns
    flag_id: Mapped[int | None] = mapped_column(ForeignKey("flags.id"))
    issue: Mapped[str]
    playbook_version: Mapped[str]
    customer_id: Mapped[str] = mapped_column(index=True)
    hook: Mapped[str]                                    # file | sql | webhook
    what: Mapped[str]                                    # retry_payment | waive_fee | extend | ... | gesture
    parameters: Mapped[dict[str, Any]]
    day: Mapped[date]                                    # the cohort's day, or the day it was granted on
    state: Mapped[str] = mapped_column(default=ActionState.PLANNED)
    reasons: Mapped[list[Any]] = mapped_column(default=list)
    planned_at: Mapped[datetime]
    due_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0)        # grows with each claim; an old holder cannot record
    receipt: Mapped[str | None]                          # what the other side called it
    settled_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Done:
    """What became of one claimed action; planned: certainly not done, due again at `due_at`."""

    action_id: int
    fence: int
    state: ActionState
    receipt: str | None = None
    reasons: tuple[str, ...] = ()
    due_at: datetime | None = None


def claim_actions(session: Session, *, now: datetime, lease: timedelta, limit: int) -> list[Action]:
    """Take up to `limit` due actions; no two callers get the same one. Commit before calling a hook."""
    due = (
        select(Action.id).where(Action.state == ActionState.PLANNED, Action.due_at <= now)
        .order_by(Action.due_at, Action.id).limit(limit).with_for_update(skip_locked=True).cte("due")
    )  # fmt: skip
    taken = (
        update(Action).where(Action.id.in_(select(due.c.id)), Action.state == ActionState.PLANNED)
        .values(state=ActionState.CLAIMED, claimed_at=now, lease_until=now + lease, fence=Action.fence + 1)
        .returning(Action)
    )  # fmt: skip
    return list(session.scalars(taken, execution_options={"populate_existing": True}))


def record_actions(session: Session, done: Sequence[Done], *, now: datetime) -> set[int]:
    """Write what became of a batch; return the ids still held, the others were taken or settled since."""
    if not done:
        return set()
    columns = {
        "ids": [d.action_id for d in done], "fences": [d.fence for d in done], "states": [str(d.state) for d in done],
        "receipts": [d.receipt for d in done], "reasons": [json.dumps(d.reasons) for d in done],
        "dues": [d.due_at for d in done],
    }  # fmt: skip
    return {row.id for row in session.execute(RECORD, {**columns, "now": now})}


def expire_actions(session: Session, *, now: datetime) -> int:
    """Turn claims whose lease ran out into doubts; return how many. The hook may have been called."""
    late = (Action.state == ActionState.CLAIMED, Action.lease_until < now)
    moved = update(Action).where(*late).values(state=ActionState.UNCERTAIN, settled_at=now).returning(Action.id)
    return len(session.scalars(moved).all())


def settle_action(session: Session, action_id: int, *, state: ActionState, now: datetime, receipt: str | None = None) -> bool:
    """Settle a doubt by a person's word; only an uncertain action moves."""
    here = (Action.id == action_id, Action.state == ActionState.UNCERTAIN)
    values = {"state": state, "settled_at": now, "receipt": receipt}
    return session.scalar(update(Action).where(*here).values(**values).returning(Action.id)) is not None


RECORD = text("""
    UPDATE actions AS a SET
        state = r.state, receipt = r.receipt, reasons = r.reasons::jsonb, lease_until = NULL,
        due_at = COALESCE(r.due_at, a.due_at),
        claimed_at = CASE WHEN r.state = 'planned' THEN NULL ELSE a.claimed_at END,
        settled_at = CASE WHEN r.state = 'planned' THEN NULL ELSE CAST(:now AS timestamptz) END
    FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS int[]), CAST(:states AS text[]), CAST(:receipts AS text[]),
                CAST(:reasons AS text[]), CAST(:dues AS timestamptz[])) AS r(id, fence, state, receipt, reasons, due_at)
    WHERE a.id = r.id AND a.fence = r.fence AND a.state = 'claimed'
    RETURNING a.id
""")
