"""Gestures: amends within a colleague's authority, believed by default, within a month's budget.

What a customer says went wrong is taken as said. Up to the playbook's authority and within the month's budget nobody is
asked; beyond, two people stand for it: who asked and another, or two others where none of us asked or it lies above the line
of four eyes. A gesture is carried out by an action with its own receipt; surprises are in `outreach.surprises`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from core.errors import ConfigError, LedgerError
from core.settings import Settings
from ledger.actions import Action, ActionState
from ledger.acts import Act
from ledger.base import add_once
from ledger.gestures import Gesture
from ledger.messages import Message
from ledger.messages import approve as let_go
from outreach.modes import check_approver
from outreach.playbook import Playbook
from outreach.playbook_parts import Amends

MISTAKE, GOODWILL, SURPRISE = "mistake", "goodwill", "surprise"
PUT_RIGHT_WITHIN = timedelta(hours=24)
GESTURE = "gesture"


@dataclass(frozen=True)
class Claim:
    """What a customer should be given something for: by whom it was asked, about which flag, and in which words."""

    customer_id: str
    because: str
    asked_by: str
    kind: str = GOODWILL
    flag_id: int | None = None
    cents: int | None = None       # the playbook's usual amount when not stated


@dataclass(frozen=True)
class PutRight:
    """How many mistakes customers told us of, how many were put right, and how many of these within a day."""

    told: int
    done: int
    within_a_day: int


def this_was_wrong(customer_id: str, said: str, *, flag_id: int | None = None) -> Claim:
    """Return the claim of a customer who says that something was wrong: believed, the usual amends, without a proof."""
    return Claim(customer_id, said, asked_by=customer_id, kind=MISTAKE, flag_id=flag_id)


def give(session: Session, playbook: Playbook, claim: Claim, *, settings: Settings, now: datetime) -> Gesture:
    """Grant a gesture, or let it wait for whom it needs; the same claim again changes nothing.

    Raise ConfigError where the playbook has no [gesture].
    """
    amends = amends_of(playbook, settings)
    cents = claim.cents or amends.cents
    month = hold_budget(session, playbook.issue, now)
    row = {
        "key": _key(playbook.issue, claim, month, settings), "flag_id": claim.flag_id, "issue": playbook.issue,
        "customer_id": claim.customer_id, "kind": claim.kind, "because": claim.because, "cents": cents, "month": month,
        "state": "waiting", "why_waiting": _why_waiting(session, playbook.issue, amends, cents, month), "asked_by": claim.asked_by,
        "asked_at": now,
    }  # fmt: skip
    add_once(session, Gesture, [row], key=["key"])
    gesture = session.scalars(select(Gesture).where(Gesture.key == row["key"]).with_for_update()).one()
    if gesture.state == "waiting" and gesture.why_waiting is None:
        _grant(session, gesture, playbook, now=now)
    return gesture


def hold_budget(session: Session, issue: str, now: datetime) -> date:
    """Have nobody else give from an issue's budget of this month until the transaction ends; return the month's first day."""
    month = now.date().replace(day=1)
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"gestures {issue} {month}"))))
    return month


def approve(session: Session, gesture_id: int, playbook: Playbook, *, by: str, settings: Settings, now: datetime) -> Gesture:
    """Approve a gesture that waits; it is granted once two people stand for it, and then its flag's messages may go.

    Raise LedgerError where it does not wait, or `by` may not: nobody approves what they asked for, or twice.
    """
    gesture = _waiting(session, gesture_id, by, settings)
    amends = amends_of(playbook, settings)
    session.add(Act(actor=by, act="approve", subject=f"gesture {gesture.id}", detail={"cents": gesture.cents}, at=now))
    if gesture.first_by is None:
        gesture.first_by = by
    else:
        gesture.second_by = by
    if gesture.second_by is not None or not _two_others(gesture, amends):
        _grant(session, gesture, playbook, now=now)
        _let_go(session, gesture, now)
    session.flush()
    return gesture


def decline(session: Session, gesture_id: int, *, by: str, why: str, settings: Settings, now: datetime) -> Gesture:
    """Say no to a gesture that waits, and why; its flag's messages need not wait for it any more."""
    gesture = _waiting(session, gesture_id, by, settings)
    gesture.state, gesture.settled_at = "declined", now
    _let_go(session, gesture, now)
    session.add(Act(actor=by, act="decline", subject=f"gesture {gesture.id}", detail={"why": why}, at=now))
    session.flush()
    return gesture


def spent(session: Session, issue: str, month: date) -> int:
    """Return how many cents of an issue's budget of a month are given away."""
    given = select(func.coalesce(func.sum(Gesture.cents), 0)).where(Gesture.issue == issue, Gesture.month == month, Gesture.state == "granted")
    return int(session.scalar(given) or 0)


def put_right(session: Session, *, issue: str, since: datetime, until: datetime) -> PutRight:
    """Return how many mistakes were told between two instants, and how many of them were put right, by the receipts."""
    row = session.execute(PUT_RIGHT, {"issue": issue, "since": since, "until": until, "within": PUT_RIGHT_WITHIN}).one()
    return PutRight(row.told, row.done, row.within_a_day)


def amends_of(playbook: Playbook, settings: Settings) -> Amends:
    """Return what may be given under a playbook. Raise ConfigError where nothing may."""
    if playbook.gesture is None:
        path = settings.folder / "playbooks" / f"{playbook.issue}.toml"
        raise ConfigError(f"{path}: gesture: nothing may be given away, got no [gesture]. Add what, hook, cents, authority_cents, "
                          "four_eyes_above_cents and budget_cents_a_month.")
    return playbook.gesture


def _why_waiting(session: Session, issue: str, amends: Amends, cents: int, month: date) -> str | None:
    if cents > amends.four_eyes_above_cents:
        return "four_eyes"
    if cents > amends.authority_cents:
        return "over_authority"
    return "over_budget" if spent(session, issue, month) + cents > amends.budget_cents_a_month else None


def _two_others(gesture: Gesture, amends: Amends) -> bool:
    """Whether two others must approve: it lies above the line, or a customer asked and so none of us stands for it yet."""
    return gesture.cents > amends.four_eyes_above_cents or gesture.asked_by == gesture.customer_id


def _let_go(session: Session, gesture: Gesture, now: datetime) -> None:
    """Let the messages go that waited for the word on this gesture."""
    if gesture.flag_id is not None:
        session.flush()
        held = session.scalars(select(Message.id).where(Message.flag_id == gesture.flag_id, Message.needs_approval)).all()
        let_go(session, held, now=now)


def _grant(session: Session, gesture: Gesture, playbook: Playbook, *, now: datetime) -> None:
    """Grant a gesture and plan the action that carries it out."""
    amends = playbook.gesture
    if amends is None:
        raise ValueError(f"{playbook.issue}: the playbook has no gesture")
    gesture.state, gesture.settled_at, gesture.action_key = "granted", now, gesture.key
    row: dict[str, Any] = {"key": gesture.key, "flag_id": None, "issue": gesture.issue, "playbook_version": playbook.version,
           "customer_id": gesture.customer_id, "hook": amends.hook, "what": GESTURE, "day": now.date(),
           "parameters": {**amends.parameters, "gesture": amends.what, "cents": gesture.cents, "kind": gesture.kind},
           "state": ActionState.PLANNED, "reasons": [], "planned_at": now, "due_at": now, "fence": 0}  # fmt: skip
    add_once(session, Action, [row], key=["key"])
    session.flush()


def _waiting(session: Session, gesture_id: int, by: str, settings: Settings) -> Gesture:
    where = f"gesture {gesture_id}"
    check_approver(where, by, settings)
    gesture = session.scalar(select(Gesture).where(Gesture.id == gesture_id).with_for_update())
    if gesture is None or gesture.state != "waiting":
        state = "does not exist" if gesture is None else f"is {gesture.state}"
        waiting: Sequence[int] = session.scalars(select(Gesture.id).where(Gesture.state == "waiting").order_by(Gesture.id).limit(5)).all()
        raise LedgerError(f"{where}: {state}, so there is nothing to decide. Known: {', '.join(map(str, waiting)) or 'none waits'}.")
    if by in (gesture.asked_by, gesture.first_by):
        raise LedgerError(f"{where}: needs another person's eyes, got {by!r}, who asked for it or approved it already. Ask a colleague.")
    return gesture


def _key(issue: str, claim: Claim, month: date, settings: Settings) -> str:
    """Return the claim's id: one gesture of a kind for a flag, or for the same words in the same month."""
    about = str(claim.flag_id) if claim.flag_id is not None else f"{claim.because}\x1f{month}"
    named = f"{settings.outreach.assignment_salt}\x1f{GESTURE}\x1f{issue}\x1f{claim.customer_id}\x1f{claim.kind}\x1f{about}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]


PUT_RIGHT = text("""
    SELECT count(*) AS told, count(a.settled_at) FILTER (WHERE a.state = 'done') AS done,
           count(*) FILTER (WHERE a.state = 'done' AND a.settled_at <= g.asked_at + :within) AS within_a_day
    FROM gestures g LEFT JOIN actions a ON a.key = g.action_key
    WHERE g.kind = 'mistake' AND g.issue = :issue AND g.asked_at >= :since AND g.asked_at < :until
""")
