"""Act: expire leases, claim, commit, look once more, call the hook, record. At most once, every doubt visible.

An action whose call may have been carried out is `uncertain`; no machine does it again, a person settles it. Once all is
done, a surprise may follow what was put right, and is carried out like everything else.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from core import clock
from core.errors import ConfigError, LedgerError
from core.settings import Settings, current
from ledger.actions import (
    Action,
    ActionState,
    Done,
    claim_actions,
    expire_actions,
    record_actions,
    settle_action,
)
from ledger.acts import Act
from ledger.brakes import open_brakes
from ledger.database import sessions
from outreach.hook import Answer, Fate, Order, hook
from outreach.kill_switch import is_paused
from outreach.playbook import load_playbooks
from outreach.surprises import surprise_those_put_right

LATER = timedelta(minutes=15)
BATCH = 50
STATES = {Fate.DONE: ActionState.DONE, Fate.REFUSED: ActionState.REFUSED, Fate.UNCERTAIN: ActionState.UNCERTAIN,
          Fate.DEFERRED: ActionState.PLANNED}  # fmt: skip


def act_due(*, now: datetime | None = None, settings: Settings | None = None, played: bool = False) -> dict[str, int]:
    """Carry out every due action once; return how many are done, refused, uncertain, stopped or deferred.

    `played` is for a morning of the past: only hooks that touch nothing outside this installation are allowed.
    """
    settings = settings or current()
    counts: Counter[str] = Counter()
    opened = sessions(settings)
    with opened.begin() as session:
        counts["expired"] = expire_actions(session, now=now or clock.now())
    counts.update(_act_all(settings, now, played=played))
    if surprised := _surprise(settings, now or clock.now()):
        counts["surprised"] = surprised
        counts.update(_act_all(settings, now, played=played))
    return {name: number for name, number in counts.items() if number}


def settle(settings: Settings, action_id: int, *, as_done: bool, by: str, now: datetime) -> None:
    """Settle an action nobody knows the fate of. Raise LedgerError where there is no such doubt."""
    state = ActionState.DONE if as_done else ActionState.REFUSED
    with sessions(settings).begin() as session:
        if not settle_action(session, action_id, state=state, now=now, receipt=f"settled by {by}"):
            raise LedgerError(f"action {action_id}: is not uncertain, so there is nothing to settle. `beforehand act` lists the doubts.")
        session.add(Act(actor=by, act="settle", subject=f"action {action_id}", detail={"state": str(state)}, at=now))


def _act_all(settings: Settings, now: datetime | None, *, played: bool) -> Counter[str]:
    """Claim batch after batch until nothing is due, and carry each out."""
    lease, counts = timedelta(seconds=settings.outreach.lease_seconds), Counter[str]()
    while True:
        instant = now or clock.now()
        with sessions(settings).begin() as session:
            claimed = [] if is_paused(session, settings) else claim_actions(session, now=instant, lease=lease, limit=BATCH)
        if not claimed:
            return counts
        counts.update(_carry_out(settings, claimed, now=instant, played=played))


def _surprise(settings: Settings, now: datetime) -> int:
    """Let something small follow what has just been put right."""
    with sessions(settings).begin() as session:
        if is_paused(session, settings):
            return 0
        return surprise_those_put_right(session, load_playbooks(settings), settings=settings, now=now)


def _carry_out(settings: Settings, claimed: Sequence[Action], *, now: datetime, played: bool) -> Counter[str]:
    """Look at a claimed batch once more, call the hook for each that may go, and record each answer at once."""
    opened, counts = sessions(settings), Counter[str]()
    with opened.begin() as session:
        stopped = _no_longer(session, claimed, now)
        record_actions(session, list(stopped.values()), now=now)
    counts.update("deferred" if done.state == ActionState.PLANNED else "stopped" for done in stopped.values())
    for action in (each for each in claimed if each.id not in stopped):
        answer = _call(settings, action, now=now, played=played)
        due_at = now + LATER if answer.fate == Fate.DEFERRED else None
        done = Done(action.id, action.fence, STATES[answer.fate], answer.receipt, (answer.reason,) if answer.reason else (), due_at)
        with opened.begin() as session:
            held = record_actions(session, [done], now=now)
        counts[str(answer.fate) if held else "taken_over"] += 1
    return counts


def _call(settings: Settings, action: Action, *, now: datetime, played: bool) -> Answer:
    through = hook(action.hook, where=f"action {action.id}: hook")
    if played and not through.past_too:
        raise ConfigError(f"{settings.folder}: action.hook: a past day may only be played with hooks that touch nothing outside, "
                          f"got {action.hook!r}. Known: file.")  # fmt: skip
    order = Order(action.key, action.what, action.customer_id, action.issue, action.day, action.parameters)
    return through.carry_out(order, settings=settings, now=now)


def _no_longer(session: Session, claimed: Sequence[Action], now: datetime) -> dict[int, Done]:
    """Return what must not be done any more, or not now: the flag was closed meanwhile, or a brake was pulled."""
    ids = [action.id for action in claimed]
    closed = {row.id: row.state for row in session.execute(CLOSED, {"ids": ids})}
    braked = {brake.issue for brake in open_brakes(session)}
    found = {}
    for action in claimed:
        if action.issue in braked or None in braked:
            found[action.id] = Done(action.id, action.fence, ActionState.PLANNED, reasons=("brake",), due_at=now + LATER)
        elif action.id in closed:
            found[action.id] = Done(action.id, action.fence, ActionState.STOPPED, reasons=(f"trouble_over: {closed[action.id]}",))
    return found


# A gesture stands for itself; a fix only for a flag that is open.
CLOSED = text("""
    SELECT a.id, f.state FROM actions a JOIN flags f ON f.id = a.flag_id
    WHERE a.id = ANY(:ids) AND a.what <> 'gesture' AND f.state <> 'open'
""")
