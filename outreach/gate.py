"""The one gate before every send: each rule a function, each refusal a recorded reason.

It judges every flag before its arm is drawn, so both arms alike, and judges again at the last moment before the call.
Quiet hours are no refusal: they move a message (outreach.local_time).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.clock import moment_after
from core.settings import Settings
from ledger.messages import SENT, State
from outreach.keyed_hash import suppression_hash
from outreach.kill_switch import is_paused
from outreach.local_time import company_zone
from outreach.playbook import Playbook

ADDRESS = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
WINDOW = timedelta(days=28)

# Before the draw, a message that was held out counts like one that was sent: so the gate cannot tell the arms apart.
WOULD_BE_SENT = (State.PLANNED, State.APPROVED, State.CLAIMED, *SENT, State.UNCERTAIN, State.HELD_OUT)
MAY_BE_SENT = (State.CLAIMED, *SENT, State.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A flag we may speak about, and the customer it is about. Without contact details the unit is the customer."""

    flag_id: int
    issue: str
    day: date
    state: str
    replay: bool
    customer_id: str
    unit_id: str
    address: str | None
    consent: bool
    time_zone: str | None
    country: str | None


@dataclass
class Facts:
    """What the rules look at, read in a few queries for all candidates at once."""

    now: datetime
    settings: Settings
    playbooks: dict[str, Playbook]
    paused: bool = False
    suppressed: dict[str, set[str]] = field(default_factory=dict)                 # subject -> topics
    by_unit: dict[str, dict[int, datetime]] = field(default_factory=lambda: defaultdict(dict))      # flag id -> due
    by_address: dict[str, dict[int, datetime]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, candidate: Candidate, due_at: datetime) -> None:
        """Count a message to this candidate."""
        self.by_unit[candidate.unit_id][candidate.flag_id] = due_at
        if candidate.address:
            self.by_address[candidate.address][candidate.flag_id] = due_at

    def remove(self, candidate: Candidate) -> None:
        """Count it no longer."""
        self.by_unit[candidate.unit_id].pop(candidate.flag_id, None)
        self.by_address[candidate.address or ""].pop(candidate.flag_id, None)

    def others(self, candidate: Candidate) -> list[datetime]:
        """Return when other messages to the same unit were or will be due."""
        return [due for flag, due in self.by_unit.get(candidate.unit_id, {}).items() if flag != candidate.flag_id]


Rule = Callable[[Candidate, Facts], bool]
RULES: dict[str, Rule] = {}


def rule(refuses: Rule) -> Rule:
    """Register a rule; its name is the reason that is recorded when it refuses."""
    RULES[refuses.__name__] = refuses
    return refuses


@rule
def replay(candidate: Candidate, facts: Facts) -> bool:
    """Refuse a backfilled day: it is looked at, never acted on."""
    return candidate.replay


@rule
def stale_score(candidate: Candidate, facts: Facts) -> bool:
    """Refuse an old score: what was likely days ago may be settled by now."""
    return facts.now - moment_after(candidate.day) > timedelta(days=facts.settings.outreach.fresh_days)


@rule
def paused(candidate: Candidate, facts: Facts) -> bool:
    """Refuse everything while the kill switch is on."""
    return facts.paused


@rule
def no_playbook(candidate: Candidate, facts: Facts) -> bool:
    """Refuse an issue about which nobody wrote down what to do."""
    return candidate.issue not in facts.playbooks


@rule
def no_address(candidate: Candidate, facts: Facts) -> bool:
    """Refuse where we do not know where to write to, or it is no address."""
    return not candidate.address or not ADDRESS.fullmatch(candidate.address)


@rule
def no_consent(candidate: Candidate, facts: Facts) -> bool:
    """Refuse where the customer never let us write, or took it back."""
    return not candidate.consent


@rule
def suppressed(candidate: Candidate, facts: Facts) -> bool:
    """Refuse after an opt-out, a bounce or a complaint, and an erased customer who came back by an import."""
    if not facts.suppressed:
        return False
    playbook = facts.playbooks.get(candidate.issue)
    topics = {"all", candidate.issue, playbook.subject_of_wish if playbook else candidate.issue}
    return any(topics & facts.suppressed.get(subject, set()) for subject in _subjects(candidate, facts.settings))


@rule
def trouble_over(candidate: Candidate, facts: Facts) -> bool:
    """Refuse a closed flag: the trouble struck, passed, or a person said no."""
    return candidate.state != "open"


@rule
def unit_limit_28d(candidate: Candidate, facts: Facts) -> bool:
    """Refuse a contact unit that has heard from us often enough."""
    recent = sum(due > facts.now - WINDOW for due in facts.others(candidate))
    return recent >= facts.settings.outreach.messages_per_unit_28d


@rule
def quiet_days(candidate: Candidate, facts: Facts) -> bool:
    """Refuse near another message to the same unit, for as long as the playbook keeps silent."""
    playbook = facts.playbooks.get(candidate.issue)
    silence = timedelta(days=playbook.quiet_days if playbook else 0)
    return any(abs(due - facts.now) < silence for due in facts.others(candidate))


@rule
def address_today(candidate: Candidate, facts: Facts) -> bool:
    """Refuse a second message to an address on one day, whoever shares it; the day is the company's."""
    if not candidate.address:
        return False
    here = company_zone(facts.settings)
    today = facts.now.astimezone(here).date()
    others = facts.by_address.get(candidate.address, {})
    return any(due.astimezone(here).date() == today for flag, due in others.items() if flag != candidate.flag_id)


def refusals(candidate: Candidate, facts: Facts) -> list[str]:
    """Return the names of all rules that refuse this candidate."""
    return [name for name, refuses in RULES.items() if refuses(candidate, facts)]


def gather(
    session: Session, candidates: Sequence[Candidate], playbooks: dict[str, Playbook], *, settings: Settings, now: datetime,
    counting: Iterable[State],
) -> Facts:  # fmt: skip
    """Read what the rules need; messages in the states `counting` count as sent to their unit and address."""
    facts = Facts(now, settings, playbooks, paused=is_paused(session, settings))
    if not candidates:
        return facts
    erased = bool(session.scalar(text("SELECT 1 FROM suppressions WHERE reason = 'erased' LIMIT 1")))
    subjects = {s for c in candidates for s in (_subjects(c, settings) if erased else _plain(c))}
    for subject, topic in session.execute(SUPPRESSED, {"subjects": list(subjects)}):
        facts.suppressed.setdefault(subject, set()).add(topic)
    silence = max([timedelta(days=p.quiet_days) for p in playbooks.values()] + [WINDOW])
    asked: dict[str, Any] = {
        "units": list({c.unit_id for c in candidates}), "addresses": list({c.address for c in candidates if c.address}),
        "since": now - silence, "states": [str(state) for state in counting],
    }  # fmt: skip
    for flag_id, unit_id, address, due_at in session.execute(RECENT, asked):
        facts.by_unit[unit_id][flag_id] = due_at
        if address:
            facts.by_address[address][flag_id] = due_at
    return facts


def _plain(candidate: Candidate) -> tuple[str, ...]:
    return (candidate.customer_id, candidate.address) if candidate.address else (candidate.customer_id,)


def _subjects(candidate: Candidate, settings: Settings) -> tuple[str, ...]:
    """Return every name under which this customer may be suppressed."""
    plain = _plain(candidate)
    return (*plain, *(suppression_hash(settings, name) for name in plain))


SUPPRESSED = text("SELECT subject, topic FROM suppressions WHERE subject = ANY(:subjects)")

# Those who share an address are found through it, so that a message to one counts for all. Each unit is looked up by itself
# (OFFSET 0 keeps it so): while a day is being sent, the planner's picture of the states is always old.
RECENT = text("""
    WITH units AS (
        SELECT unnest(CAST(:units AS text[])) AS unit_id
        UNION
        SELECT unit_id FROM customers WHERE address = ANY(CAST(:addresses AS text[]))
    )
    SELECT m.flag_id, m.unit_id, c.address, m.due_at
    FROM units CROSS JOIN LATERAL (SELECT * FROM messages WHERE unit_id = units.unit_id OFFSET 0) m
    LEFT JOIN customers c USING (customer_id)
    WHERE m.due_at > :since AND m.state = ANY(CAST(:states AS text[]))
""")
