"""Gestures: amends within a colleague's authority, believed by default, within a month's budget; now and then a surprise.

What a customer says went wrong is taken as said. Up to the playbook's authority nobody is asked; above it another person
approves, above the line of four eyes two others do. A gesture is carried out by an action with its own receipt.
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
from outreach.holdout import draw
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
    amends = _amends(playbook, settings)
    cents = claim.cents or amends.cents
    month = now.date().replace(day=1)
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"gestures {playbook.issue} {month}"))))
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


def approve(session: Session, gesture_id: int, playbook: Playbook, *, by: str, settings: Settings, now: datetime) -> Gesture:
    """Approve a gesture that waits; above the line of four eyes it needs a second, other person.

    Raise LedgerError where it does not wait, or `by` may not: nobody approves what they asked for, or twice.
    """
    gesture = _waiting(session, gesture_id, by, settings)
    amends = _amends(playbook, settings)
    session.add(Act(actor=by, act="approve", subject=f"gesture {gesture.id}", detail={"cents": gesture.cents}, at=now))
    if gesture.first_by is None:
        gesture.first_by = by
    else:
        gesture.second_by = by
    if gesture.cents <= amends.four_eyes_above_cents or gesture.second_by is not None:
        _grant(session, gesture, playbook, now=now)
    session.flush()
    return gesture


def decline(session: Session, gesture_id: int, *, by: str, why: str, settings: Settings, now: datetime) -> Gesture:
    """Say no to a gesture that waits, and why."""
    gesture = _waiting(session, gesture_id, by, settings)
    gesture.state, gesture.settled_at = "declined", now
    session.add(Act(actor=by, act="decline", subject=f"gesture {gesture.id}", detail={"why": why}, at=now))
    session.flush()
    return gesture


def surprise(session: Session, playbook: Playbook, *, day: date, settings: Settings, now: datetime) -> int:
    """Give a small surprise to a few of the units drawn on `day`, both arms alike, as far as the budget reaches.

    Who it is depends on the salt and the unit alone; return how many were granted.
    """
    amends = _amends(playbook, settings)
    if amends.surprise is None:
        return 0
    salt, share = settings.outreach.assignment_salt, amends.surprise.share
    drawn = session.execute(DRAWN, {"issue": playbook.issue, "day": day})
    chosen = [row for row in drawn if draw(salt, f"surprise {playbook.issue} {day}", 0, row.unit_id) < share]
    granted = 0
    for row in chosen:
        month = now.date().replace(day=1)
        if spent(session, playbook.issue, month) + amends.surprise.cents > amends.budget_cents_a_month:
            break
        claim = Claim(row.customer_id, f"surprise of {day}", "beforehand", SURPRISE, row.flag_id, amends.surprise.cents)
        granted += give(session, playbook, claim, settings=settings, now=now).settled_at == now
    return granted


def spent(session: Session, issue: str, month: date) -> int:
    """Return how many cents of an issue's budget of a month are given away."""
    given = select(func.coalesce(func.sum(Gesture.cents), 0)).where(Gesture.issue == issue, Gesture.month == month, Gesture.state == "granted")
    return int(session.scalar(given) or 0)


def put_right(session: Session, *, issue: str, since: datetime, until: datetime) -> PutRight:
    """Return how many mistakes were told between two instants, and how many of them were put right, by the receipts."""
    row = session.execute(PUT_RIGHT, {"issue": issue, "since": since, "until": until, "within": PUT_RIGHT_WITHIN}).one()
    return PutRight(row.told, row.done, row.within_a_day)


def _amends(playbook: Playbook, settings: Settings) -> Amends:
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


# A unit once; the customer through whom it was drawn is the one who is surprised.
DRAWN = text("""
    SELECT unit_id, customer_id, flag_id FROM assignments
    WHERE scope = :issue AND assigned_on = :day ORDER BY unit_id, epoch
""")

PUT_RIGHT = text("""
    SELECT count(*) AS told, count(a.settled_at) FILTER (WHERE a.state = 'done') AS done,
           count(*) FILTER (WHERE a.state = 'done' AND a.settled_at <= g.asked_at + :within) AS within_a_day
    FROM gestures g LEFT JOIN actions a ON a.key = g.action_key
    WHERE g.kind = 'mistake' AND g.issue = :issue AND g.asked_at >= :since AND g.asked_at < :until
""")
