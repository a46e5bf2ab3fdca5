"""Delay: when a customer is told who is told later, as late as the promise allows; computed for both arms alike, before the draw."""

from datetime import datetime, timedelta

from core.clock import moment_after
from outreach.decision import Decision
from outreach.gate import Facts
from outreach.local_time import next_allowed

STEP = timedelta(hours=1)


def later_at(decision: Decision, facts: Facts) -> datetime:
    """Return the last instant within the promised hours at which the customer may be written to, or the message's own time.

    A score that would be too old by then sends nothing, so the promise ends before.
    """
    candidate, hours = decision.candidate, facts.playbooks[decision.candidate.issue].measure.promise_hours or 0
    stale = moment_after(candidate.day) + timedelta(days=facts.settings.outreach.fresh_days) - STEP
    deadline = min(facts.now + timedelta(hours=hours), stale)
    moment = deadline
    while moment > decision.due_at:
        allowed = next_allowed(moment, candidate.time_zone, candidate.country, facts.settings)
        if allowed <= deadline:
            return allowed
        moment -= STEP
    return decision.due_at
