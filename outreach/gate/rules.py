"""The rules that refuse; the name of each is the reason that is recorded. All are evaluated, for both arms."""

import re
from collections.abc import Callable
from datetime import timedelta

from core.clock import moment_after
from outreach.gate.candidate import Candidate
from outreach.gate.facts import WINDOW, Facts, subjects
from outreach.gate.speaker import CALL_LIST, channel_for
from outreach.local_time import company_zone

ADDRESS = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
# In which states of its flag a kind of message is still true: what is over is not announced, what is not over is not fixed.
STILL_TRUE = {"notice": {"open"}, "update": {"open"}, "fixed": {"open", "over"}, "survey": {"over"}}
WAITS = frozenset({"paused", "brake"})  # what only stands in the way for now: the message stays planned

Rule = Callable[[Candidate, Facts], bool]
RULES: dict[str, Rule] = {}
AWAKE: dict[str, Callable[[Facts], object]] = {}  # what must be so for a rule to refuse anybody; the others always may
STOPS_THE_FIX: set[str] = set()  # the reasons for which not even the action is done; the others are about the message


def rule(*, stops_the_fix: bool, awake: Callable[[Facts], object] | None = None) -> Callable[[Rule], Rule]:
    """Register a rule; its name is the reason that is recorded when it refuses. Unless `awake`, it refuses nobody."""

    def register(refuses: Rule) -> Rule:
        RULES[refuses.__name__] = refuses
        if awake is not None:
            AWAKE[refuses.__name__] = awake
        if stops_the_fix:
            STOPS_THE_FIX.add(refuses.__name__)
        return refuses

    return register


@rule(stops_the_fix=True)
def replay(candidate: Candidate, facts: Facts) -> bool:
    """Refuse a backfilled day: it is looked at, never acted on."""
    return candidate.replay


@rule(stops_the_fix=True)
def stale_score(candidate: Candidate, facts: Facts) -> bool:
    """Refuse to announce by an old score: what was likely days ago may be settled by now."""
    old = facts.now - moment_after(candidate.day) > timedelta(days=facts.settings.outreach.fresh_days)
    return old and candidate.kind == "notice"


@rule(stops_the_fix=True, awake=lambda facts: facts.paused)
def paused(candidate: Candidate, facts: Facts) -> bool:
    """Refuse everything while the kill switch is on, or a brake on everything."""
    return facts.paused


@rule(stops_the_fix=True, awake=lambda facts: facts.braked)
def brake(candidate: Candidate, facts: Facts) -> bool:
    """Refuse an issue whose brake was pulled: a cohort too large, bounces, complaints, harm, a broken model."""
    return candidate.issue in facts.braked


@rule(stops_the_fix=True)
def no_playbook(candidate: Candidate, facts: Facts) -> bool:
    """Refuse an issue about which nobody wrote down what to do."""
    return candidate.issue not in facts.playbooks


@rule(stops_the_fix=False, awake=lambda facts: facts.not_chosen)
def not_chosen(candidate: Candidate, facts: Facts) -> bool:
    """Refuse to announce to whom the day's budget goes less far than to others."""
    return candidate.kind == "notice" and candidate.flag_id in facts.not_chosen


@rule(stops_the_fix=False)
def no_address(candidate: Candidate, facts: Facts) -> bool:
    """Refuse where we do not know where to write to or whom to call, or it is no address."""
    if (candidate.channel or channel_for(candidate, facts)) == CALL_LIST:
        return not candidate.phone
    return not candidate.address or not ADDRESS.fullmatch(candidate.address)


@rule(stops_the_fix=False)
def no_consent(candidate: Candidate, facts: Facts) -> bool:
    """Refuse where the customer never let us write, or took it back."""
    return not candidate.consent


@rule(stops_the_fix=False, awake=lambda facts: facts.suppressed)
def suppressed(candidate: Candidate, facts: Facts) -> bool:
    """Refuse after an opt-out of everything or of this topic, a hard bounce or a complaint."""
    playbook = facts.playbooks.get(candidate.issue)
    topics = {"all", candidate.issue, playbook.subject_of_wish if playbook else candidate.issue}
    found = (each for subject in subjects(candidate) for each in facts.suppressed.get(subject, ()))
    return any(topic in topics and reason != "erased" for topic, reason in found)


@rule(stops_the_fix=False, awake=lambda facts: facts.not_wanted)
def not_wanted_this_way(candidate: Candidate, facts: Facts) -> bool:
    """Refuse the channel by which a customer does not want to hear of this topic."""
    playbook = facts.playbooks.get(candidate.issue)
    way = "phone" if (candidate.channel or channel_for(candidate, facts)) == CALL_LIST else "email"
    return (candidate.customer_id, playbook.subject_of_wish if playbook else candidate.issue, way) in facts.not_wanted


@rule(stops_the_fix=True, awake=lambda facts: facts.suppressed)
def erased(candidate: Candidate, facts: Facts) -> bool:
    """Refuse an erased customer who came back by an import; only a keyed hash of them is left."""
    return any(reason == "erased" for subject in subjects(candidate) for _, reason in facts.suppressed.get(subject, ()))


@rule(stops_the_fix=True)
def trouble_over(candidate: Candidate, facts: Facts) -> bool:
    """Refuse what is no longer true: the trouble struck, passed, or a person said no; or it is not over yet."""
    playbook = facts.playbooks.get(candidate.issue)
    sampled = candidate.kind == "survey" and playbook is not None and playbook.measure.survey is not None  # it speaks of no trouble
    return not sampled and candidate.state not in STILL_TRUE[candidate.kind]


@rule(stops_the_fix=False)
def customer_limit_28d(candidate: Candidate, facts: Facts) -> bool:
    """Refuse a customer who has heard from us often enough, in whichever unit."""
    others = facts.others_of_customer(candidate)
    most = facts.settings.outreach.messages_per_customer_28d
    return len(others) >= most and sum(due > facts.now - WINDOW for due in others) >= most


@rule(stops_the_fix=False)
def unit_limit_28d(candidate: Candidate, facts: Facts) -> bool:
    """Refuse a contact unit that has heard from us often enough."""
    others = facts.others_of_unit(candidate)
    most = facts.settings.outreach.messages_per_unit_28d
    return len(others) >= most and sum(due > facts.now - WINDOW for due in others) >= most


@rule(stops_the_fix=False)
def quiet_days(candidate: Candidate, facts: Facts) -> bool:
    """Refuse near another message to the same unit, for as long as the playbook keeps silent."""
    others = facts.others_of_unit(candidate)
    if not others:
        return False
    playbook = facts.playbooks.get(candidate.issue)
    silence = timedelta(days=playbook.quiet_days if playbook else 0)
    return any(abs(due - facts.now) < silence for due in others)


@rule(stops_the_fix=False)
def address_today(candidate: Candidate, facts: Facts) -> bool:
    """Refuse a second message to an address on one day, whoever shares it; the day is the company's."""
    others = facts.others_of_address(candidate)
    if not others:
        return False
    here = company_zone(facts.settings)
    today = facts.now.astimezone(here).date()
    return any(due.astimezone(here).date() == today for due in others)


def refusals(candidate: Candidate, facts: Facts) -> list[str]:
    """Return the names of all rules that refuse this candidate."""
    if not facts.rules:
        facts.rules = [(name, each) for name, each in RULES.items() if name not in AWAKE or AWAKE[name](facts)]
    return [name for name, refuses in facts.rules if refuses(candidate, facts)]
