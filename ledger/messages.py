"""Messages: what we decided to say, and how far it got. Every arrow is one SQL statement.

planned -> claimed -> accepted | refused | uncertain
planned -> approved -> claimed              (where `needs_approval`: a person's word on this one message comes first)
planned -> held_out | shadow | suppressed   (never called; kept with its time)
claimed -> planned                          (never called, by its claim, or certainly not taken: it moves, it is never copied)
claimed -> uncertain                        (lease expired: the call may have happened, no machine resends)
uncertain -> accepted | refused             (the provider's event, or a person, settles it)
uncertain -> planned                        (only where the channel can prove that it never got it, see `give_back`)
any of these -> accepted -> delayed -> delivered -> dropped -> bounced -> complained
                                            (by events, see `hear`: only to the right, so their order does not matter)

The cohort was approved before anything was planned. Each arrow becomes a row of `transitions`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Index,
    Row,
    UniqueConstraint,
    Update,
    case,
    false,
    or_,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class State(StrEnum):
    """How far a message got."""

    PLANNED = "planned"
    APPROVED = "approved"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    DELAYED = "delayed"          # the provider tries again by itself
    DELIVERED = "delivered"
    DROPPED = "dropped"          # the provider took it and never tried: it knew better
    BOUNCED = "bounced"
    COMPLAINED = "complained"    # marked as spam
    HELD_OUT = "held_out"
    SHADOW = "shadow"
    SUPPRESSED = "suppressed"


WAITING = (State.PLANNED, State.APPROVED)
SENT = (State.ACCEPTED, State.DELAYED, State.DELIVERED, State.DROPPED, State.BOUNCED, State.COMPLAINED)
# What an event may find, and what it says itself: a message only ever moves to the right.
RANKS = (State.PLANNED, State.APPROVED, State.CLAIMED, State.REFUSED, State.UNCERTAIN, *SENT)


class Message(Base):
    """One thing we mean to say about one flag, of one kind, at most once, for good."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("flag_id", "kind"),
        Index("ix_messages_due", "due_at", "id", postgresql_where="state IN ('planned', 'approved')"),
        Index("ix_messages_leased", "lease_until", postgresql_where="state = 'claimed'"),
        Index("ix_messages_doubtful", "channel", postgresql_where="state = 'uncertain'"),
        Index("ix_messages_issue_day", "issue", "day"),
        Index("ix_messages_shadow", "issue", "day", "id", postgresql_where="state = 'shadow'"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)        # our message id, told to the provider; stable over reruns
    flag_id: Mapped[int]                                 # a trigger sees once a statement that it is there
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
    needs_approval: Mapped[bool] = mapped_column(default=False, server_default=false())
    claim_id: Mapped[int | None]                         # the claim that holds it, or held it last (ledger.claims)
    moved_at: Mapped[datetime | None]                    # when it took its last arrow, by the mover's clock


# What a message is again that was claimed and certainly not taken: a person's word on it was given and stands.
AGAIN = case((Message.needs_approval, State.APPROVED), else_=State.PLANNED)


def approve(session: Session, message_ids: Sequence[int], *, now: datetime) -> int:
    """Let planned messages that need a person's word go out; return how many moved."""
    here = (Message.id.in_(message_ids), Message.state == State.PLANNED, Message.needs_approval)
    return _moved(session, update(Message).where(*here).values(state=State.APPROVED, moved_at=now))


def may_go() -> ColumnElement[bool]:
    """Return the condition of a message that a sender may claim: approved, or planned and in need of nobody's word."""
    return or_(Message.state == State.APPROVED, (Message.state == State.PLANNED) & ~Message.needs_approval)


def claim_due(
    session: Session, *, now: datetime, lease: timedelta, limit: int, claim_id: int | None = None
) -> Sequence[Row[Any]]:
    """Take up to `limit` due messages for sending; no two callers get the same one. Commit before calling a provider.

    With a claim (ledger.claims) what is lost before its call is planned again; without one, it is a doubt.
    Each row has id, key, flag_id, kind, issue, playbook_version, customer_id, unit_id, channel, day, fence, lease_until.
    """
    claimed = {"now": now, "until": now + lease, "limit": limit, "claim": claim_id}
    return session.execute(CLAIM, claimed).all()


CLAIMED_ROW = ("id", "key", "flag_id", "kind", "issue", "playbook_version", "customer_id", "unit_id", "channel", "day", "fence",
               "lease_until")  # fmt: skip
# The states stand in the text, so that the partial index of what is due is used however often the statement was prepared.
CLAIM = text(f"""
    WITH due AS (
        SELECT id FROM messages
        WHERE state IN ('planned', 'approved') AND (state = 'approved' OR NOT needs_approval) AND due_at <= :now
        ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE messages AS m
    SET state = 'claimed', claimed_at = :now, lease_until = :until, fence = m.fence + 1, moved_at = :now,
        claim_id = :claim
    FROM due WHERE m.id = due.id
    RETURNING {", ".join(f"m.{name}" for name in CLAIMED_ROW)}
""")


def record(session: Session, message_id: int, fence: int, *, state: State, now: datetime, **also: Any) -> bool:
    """Write what became of a claimed message; False when someone else has claimed or settled it since."""
    here = (Message.id == message_id, Message.fence == fence, Message.state == State.CLAIMED)
    values = {"state": state, "settled_at": now, "lease_until": None, "moved_at": now, **also}
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


# Every statement that waits for rows takes them by id, so that no two of them wait for each other in a circle. What stands in
# the locked rows is what counts; asking the table again by its state would walk the index of all that was ever claimed.
RECORD_ALL = text("""
    WITH r AS (
        SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS int[]), CAST(:states AS text[]),
            CAST(:versions AS text[]), CAST(:receipts AS text[]), CAST(:reasons AS text[]), CAST(:dues AS timestamptz[]))
            AS r(id, fence, state, version, receipt, reasons, due_at)
    ), mine AS (
        SELECT r.*, held.state AS was FROM r JOIN messages held ON held.id = r.id AND held.fence = r.fence
        ORDER BY held.id FOR UPDATE OF held
    )
    UPDATE messages AS m SET
        state = CASE WHEN mine.state = 'planned' AND m.needs_approval THEN 'approved' ELSE mine.state END,
        playbook_version = mine.version, receipt = mine.receipt, reasons = mine.reasons::jsonb,
        lease_until = NULL, moved_at = :now,
        due_at = COALESCE(mine.due_at, m.due_at),
        claimed_at = CASE WHEN mine.state = 'planned' THEN NULL ELSE m.claimed_at END,
        settled_at = CASE WHEN mine.state = 'planned' THEN NULL ELSE CAST(:now AS timestamptz) END
    FROM mine
    WHERE m.id = mine.id AND mine.was = 'claimed'
    RETURNING m.id
""")


def expire_leases(session: Session, *, now: datetime) -> int:
    """Turn claims whose lease ran out into doubts; return how many. Their provider call may have happened."""
    return cast("CursorResult[Any]", session.execute(EXPIRE, {"now": now})).rowcount


EXPIRE = text("""
    UPDATE messages AS m SET state = 'uncertain', settled_at = :now, moved_at = :now
    FROM (SELECT id FROM messages WHERE state = 'claimed' AND lease_until < :now ORDER BY id FOR UPDATE) AS late
    WHERE m.id = late.id AND m.state = 'claimed' AND m.lease_until < :now
""")


def defer(session: Session, message_id: int, fence: int, *, due_at: datetime, now: datetime | None = None) -> bool:
    """Give a claimed message back, to be due later; it moves and is never copied. Only before the provider was called."""
    here = (Message.id == message_id, Message.fence == fence, Message.state == State.CLAIMED)
    values = {"state": AGAIN, "due_at": due_at, "claimed_at": None, "lease_until": None, "moved_at": now or due_at}
    return _moved(session, update(Message).where(*here).values(**values)) == 1


def settle(session: Session, message_id: int, *, state: State, now: datetime, receipt: str | None = None) -> bool:
    """Settle a doubt, by the provider's event or a person's word; only an uncertain message moves."""
    here = (Message.id == message_id, Message.state == State.UNCERTAIN)
    values = {"state": state, "settled_at": now, "receipt": receipt, "moved_at": now}
    return _moved(session, update(Message).where(*here).values(**values)) == 1


def give_back(session: Session, message_ids: Sequence[int], *, now: datetime | None = None) -> int:
    """Plan again what the channel proved it never got, and would take only once by its key; return how many moved."""
    here = (Message.id.in_(message_ids), Message.state == State.UNCERTAIN)
    values: dict[str, Any] = {"state": AGAIN, "claimed_at": None, "lease_until": None, "settled_at": None,
                              "reasons": [], "moved_at": now}  # fmt: skip
    return _moved(session, update(Message).where(*here).values(**values))


def hear(session: Session, said: Mapping[str, State], *, now: datetime) -> set[str]:
    """Move messages (by key) to what a provider's events say of them; return the keys of those that were to be sent at all.

    Only to the right in RANKS: duplicates and any order of events end in the same state. An event proves that the provider
    has the message, so it settles a doubt, takes a claim from its holder, and keeps a planned message from being sent again.
    """
    if not said:
        return set()
    known = {"keys": list(said), "states": [str(state) for state in said.values()], "ranks": [str(state) for state in RANKS]}
    session.execute(HEAR, {**known, "now": now})
    return set(session.scalars(KNOWN, known))


HEAR = text("""
    WITH mine AS (SELECT id FROM messages WHERE key = ANY(CAST(:keys AS text[])) ORDER BY id FOR UPDATE)
    UPDATE messages AS m SET state = e.state, moved_at = :now, lease_until = NULL,
        settled_at = CASE WHEN m.state IN ('planned', 'approved', 'claimed', 'uncertain', 'refused')
                     THEN COALESCE(m.claimed_at, :now) ELSE m.settled_at END
    FROM mine, unnest(CAST(:keys AS text[]), CAST(:states AS text[])) AS e(key, state)
    WHERE m.id = mine.id AND m.key = e.key
      AND array_position(CAST(:ranks AS text[]), m.state::text) < array_position(CAST(:ranks AS text[]), e.state)
""")

KNOWN = text("SELECT key FROM messages WHERE key = ANY(CAST(:keys AS text[])) AND state = ANY(CAST(:ranks AS text[]))")


def _moved(session: Session, statement: Update) -> int:
    """Return how many messages a statement moved."""
    return cast("CursorResult[Any]", session.execute(statement)).rowcount
