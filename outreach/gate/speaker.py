"""Who speaks: a person instead of a machine where the customer needs one; what a customer is worth is never asked."""

from typing import TYPE_CHECKING

from outreach.gate.candidate import Candidate

if TYPE_CHECKING:
    from outreach.gate.facts import Facts

CALL_LIST = "call_list"


def channel_for(candidate: Candidate, facts: "Facts") -> str:
    """Return the channel of a message that is not planned yet: the list of people to call by need, else the playbook's."""
    called = candidate.phone and candidate.issue in facts.calling and why_a_person(candidate, facts)
    return CALL_LIST if called else facts.written.get(candidate.issue, "")


def why_a_person(candidate: Candidate, facts: "Facts") -> str | None:
    """Return why a person should call, or None: grave, soon, failed_before, vulnerable or asked."""
    playbook = facts.playbooks.get(candidate.issue)
    person = playbook.person if playbook else None
    if person is None:
        return None
    if person.grave:
        return "grave"
    if person.within_days and candidate.days_until is not None and candidate.days_until <= person.within_days:
        return "soon"
    if person.after_failures and facts.struck_before.get((candidate.customer_id, candidate.issue), 0) >= person.after_failures:
        return "failed_before"
    return min((kind for kind in facts.needs.get(candidate.customer_id, ()) if kind in person.when), default=None)
