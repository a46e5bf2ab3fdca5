"""The fix itself: which actions a planning brings about, for both arms alike unless the action is what is tested."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from core.settings import Settings
from ledger.actions import ActionState
from ledger.messages import State
from outreach.decision import Decision
from outreach.gate import Facts
from outreach.gate.rules import STOPS_THE_FIX

COLUMNS = ("key", "flag_id", "issue", "playbook_version", "customer_id", "hook", "what", "parameters", "day", "state", "reasons",
           "planned_at", "due_at", "fence")  # fmt: skip
INSIDE = (State.PLANNED, State.HELD_OUT, State.SUPPRESSED)


def action_key(settings: Settings, *, issue: str, customer_id: str, day: date, what: str) -> str:
    """Return the id by which an action is known to the other side; the same however often its day is run."""
    named = f"{settings.outreach.assignment_salt}\x1faction\x1f{issue}\x1f{customer_id}\x1f{day}\x1f{what}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def fixes(decisions: Sequence[Decision], facts: Facts) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
    """Return the columns and the rows of the actions to plan.

    A flag refused only for what concerns the message (no consent, an opt-out, heard enough) is fixed all the same; one in
    the shadow is not touched.
    """
    acting = (each for each in decisions if each.candidate.issue in facts.acting) if facts.acting else iter(())
    return COLUMNS, (_row(each, facts) for each in acting if _is_done(each, facts))


def _is_done(decision: Decision, facts: Facts) -> bool:
    playbook = facts.playbooks[decision.candidate.issue]
    if playbook.action is None or playbook.mode == "shadow" or decision.state not in INSIDE:
        return False
    if playbook.mode == "pilot" and decision.refused:  # nobody knows whether it would have been inside
        return False
    if playbook.action.tests == "the action" and decision.state != State.PLANNED:
        return False
    return not STOPS_THE_FIX.intersection(decision.refused)


def _row(decision: Decision, facts: Facts) -> tuple[Any, ...]:
    candidate = decision.candidate
    playbook = facts.playbooks[candidate.issue]
    action = playbook.action
    if action is None:
        raise ValueError(f"{candidate.issue}: the playbook has no action")
    key = action_key(facts.settings, issue=candidate.issue, customer_id=candidate.customer_id, day=candidate.day, what=action.what)
    return (key, candidate.flag_id, candidate.issue, playbook.version, candidate.customer_id, action.hook, action.what,
            action.parameters, candidate.day, str(ActionState.PLANNED), [], facts.now, facts.now, 0)  # fmt: skip
