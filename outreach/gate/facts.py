"""What the gate's rules look at, read in a few queries for all candidates at once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.brakes import open_brakes
from ledger.messages import SENT, State
from ledger.preferences import not_wanted
from ledger.targets import left_out
from outreach.gate.candidate import Candidate
from outreach.gate.pace import Pace, read_pace
from outreach.keyed_hash import suppression_hash
from outreach.local_time import Days
from outreach.playbook import Playbook

WINDOW = timedelta(days=28)

MAY_BE_SENT = (State.CLAIMED, State.UNCERTAIN, *SENT)
# Before the draw, a message that was held out counts like one that was sent: so the gate cannot tell the arms apart.
WOULD_BE_SENT = (State.PLANNED, State.APPROVED, State.HELD_OUT, *MAY_BE_SENT)

Said = tuple[int, str, datetime]  # of a message: its flag, its kind, and when it was or will be due


@dataclass
class Facts:
    """What is known at `now`; messages to a unit, a customer and an address are counted as they are let through."""

    now: datetime
    settings: Settings
    playbooks: Mapping[str, Playbook]
    pace: Pace
    paused: bool = False
    braked: frozenset[str] = frozenset()                                          # issues stopped by a brake
    suppressed: dict[str, set[tuple[str, str]]] = field(default_factory=dict)     # subject -> topics and reasons
    not_wanted: set[tuple[str, str, str]] = field(default_factory=set)            # customer, topic, email or phone
    fixes: dict[int, str] = field(default_factory=dict)                           # flag -> state of its action
    needs: dict[str, set[str]] = field(default_factory=dict)                      # customer -> vulnerable, asked
    struck_before: dict[tuple[str, str], int] = field(default_factory=dict)       # customer, issue -> earlier troubles
    by_unit: dict[str, list[Said]] = field(default_factory=dict)
    by_customer: dict[str, list[Said]] = field(default_factory=dict)              # where the unit is not the customer
    by_address: dict[str, list[Said]] = field(default_factory=dict)
    not_chosen: set[int] = field(default_factory=set)                             # flags that their day's budget left out
    acting: frozenset[str] = frozenset()                                          # issues with something to do
    calling: frozenset[str] = frozenset()                                         # issues about which a person may call
    written: dict[str, str] = field(default_factory=dict)                         # issue -> channel of what is written
    rules: list[tuple[str, Any]] = field(default_factory=list)                    # those that may refuse anybody here
    days: dict[str, Days] = field(default_factory=dict)                           # issue -> whether on weekends and holidays
    opening: dict[tuple[str | None, str | None, Days | None], tuple[datetime, str | None]] = field(default_factory=dict)

    def add(self, candidate: Candidate, due_at: datetime) -> None:
        """Count a message to this candidate."""
        said = (candidate.flag_id, candidate.kind, due_at)
        self.by_unit.setdefault(candidate.unit_id, []).append(said)
        if candidate.customer_id != candidate.unit_id:
            self.by_customer.setdefault(candidate.customer_id, []).append(said)
        if candidate.address:
            self.by_address.setdefault(candidate.address, []).append(said)

    def remove(self, candidate: Candidate) -> None:
        """Count it no longer."""
        places = (self.by_unit, candidate.unit_id), (self.by_customer, candidate.customer_id), (self.by_address, candidate.address or "")
        for known, subject in places:
            known[subject] = [each for each in known.get(subject, ()) if each[:2] != (candidate.flag_id, candidate.kind)]

    def others_of_unit(self, candidate: Candidate) -> list[datetime]:
        """Return when messages about other flags to the same unit were or will be due."""
        return [due for flag, _, due in self.by_unit.get(candidate.unit_id, ()) if flag != candidate.flag_id]

    def others_of_customer(self, candidate: Candidate) -> list[datetime]:
        """Return the same for the customer, whichever unit they were in."""
        known = self.by_unit if candidate.customer_id == candidate.unit_id else self.by_customer
        return [due for flag, _, due in known.get(candidate.customer_id, ()) if flag != candidate.flag_id]

    def others_of_address(self, candidate: Candidate) -> list[datetime]:
        """Return when other messages to the same address were or will be due, of the same flag too."""
        mine = (candidate.flag_id, candidate.kind)
        return [due for flag, kind, due in self.by_address.get(candidate.address or "", ()) if (flag, kind) != mine]


def gather(
    session: Session, candidates: Sequence[Candidate], playbooks: Mapping[str, Playbook], *, settings: Settings,
    now: datetime, counting: Iterable[str],
) -> Facts:  # fmt: skip
    """Read what the rules need; messages in the states `counting` count as sent to their unit, customer and address."""
    brakes = open_brakes(session)
    facts = Facts(now, settings, playbooks, read_pace(session, candidates, settings, now=now, counting=counting),
                  paused=settings.outreach.paused or any(brake.issue is None for brake in brakes),
                  braked=frozenset(brake.issue for brake in brakes if brake.issue))  # fmt: skip
    facts.acting = frozenset(issue for issue, playbook in playbooks.items() if playbook.action)
    facts.calling = frozenset(issue for issue, playbook in playbooks.items() if playbook.person)
    facts.written = {issue: playbook.channel or settings.outreach.channel for issue, playbook in playbooks.items()}
    facts.days = {issue: _days(playbook, settings) for issue, playbook in playbooks.items()}
    if candidates:
        _read_suppressed(session, candidates, facts)
        facts.not_wanted = not_wanted(session, {candidate.customer_id for candidate in candidates})
        facts.not_chosen = left_out(session, (candidate.flag_id for candidate in candidates))
        _read_messages(session, candidates, facts, counting)
        _read_actions_and_needs(session, candidates, facts)
    return facts


def subjects(candidate: Candidate) -> tuple[str, ...]:
    """Return the names under which a customer may be suppressed."""
    return tuple(name for name in (candidate.customer_id, candidate.address, candidate.phone) if name)


def _days(playbook: Playbook, settings: Settings) -> Days:
    """Return whether we write on weekends and holidays about an issue: as its playbook says, else as the settings do."""
    own, ours = (playbook.write_on_weekends, playbook.write_on_holidays), settings.outreach
    return Days(ours.write_on_weekends if own[0] is None else own[0], ours.write_on_holidays if own[1] is None else own[1])


def _read_suppressed(session: Session, candidates: Sequence[Candidate], facts: Facts) -> None:
    if not session.scalar(text("SELECT 1 FROM suppressions LIMIT 1")):
        return
    erased = session.scalar(text("SELECT 1 FROM suppressions WHERE reason = 'erased' LIMIT 1"))
    plain = {name for candidate in candidates for name in subjects(candidate)}
    of_hash = {suppression_hash(facts.settings, name): name for name in plain} if erased else {}
    for subject, topic, reason in session.execute(SUPPRESSED, {"subjects": json.dumps([*plain, *of_hash])}):
        facts.suppressed.setdefault(of_hash.get(subject, subject), set()).add((topic, reason))


def _read_messages(session: Session, candidates: Sequence[Candidate], facts: Facts, counting: Iterable[str]) -> None:
    silence = max([timedelta(days=p.quiet_days) for p in facts.playbooks.values()] + [WINDOW])
    asked: dict[str, Any] = {
        "units": json.dumps(list({c.unit_id for c in candidates})),
        "customers": json.dumps([c.customer_id for c in candidates if c.customer_id != c.unit_id]),
        "addresses": json.dumps([c.address for c in candidates if c.address]),
        "since": facts.now - silence, "states": [str(state) for state in counting],
    }  # fmt: skip
    for flag_id, kind, unit_id, customer_id, address, due_at in session.execute(RECENT, asked):
        said = (flag_id, kind, due_at)
        facts.by_unit.setdefault(unit_id, []).append(said)
        if customer_id != unit_id:
            facts.by_customer.setdefault(customer_id, []).append(said)
        if address:
            facts.by_address.setdefault(address, []).append(said)


def _read_actions_and_needs(session: Session, candidates: Sequence[Candidate], facts: Facts) -> None:
    """Read what was done about the flags whose playbook does anything, and who should be called rather than written to."""
    flags = [c.flag_id for c in candidates if c.issue in facts.acting]
    if flags:
        facts.fixes = {flag: state for flag, state in session.execute(FIXES, {"flags": flags})}
    customers = [c.customer_id for c in candidates if c.issue in facts.calling]
    if customers:
        for customer, kind in session.execute(NEEDS, {"customers": customers}):
            facts.needs.setdefault(customer, set()).add(kind)
        asked = {"customers": customers, "issues": sorted(facts.calling), "since": (facts.now - timedelta(days=365)).date()}
        facts.struck_before = {(customer, issue): n for customer, issue, n in session.execute(STRUCK, asked)}


SUPPRESSED = text("""
    SELECT subject, topic, reason FROM suppressions
    WHERE subject IN (SELECT jsonb_array_elements_text(CAST(:subjects AS jsonb)))
""")

# Those who share an address are found through it, so that a message to one counts for all; those who changed their unit
# through the flags of the customer. OFFSET 0 has each unit looked up by itself: while a day is being sent, the planner's
# picture of the states is old, and it would rather read the whole table.
RECENT = text("""
    WITH units AS (
        SELECT jsonb_array_elements_text(CAST(:units AS jsonb)) AS unit_id
        UNION
        SELECT unit_id FROM customers WHERE address IN (SELECT jsonb_array_elements_text(CAST(:addresses AS jsonb)))
        UNION
        SELECT m.unit_id FROM flags f JOIN messages m ON m.flag_id = f.id
        WHERE f.customer_id IN (SELECT jsonb_array_elements_text(CAST(:customers AS jsonb)))
    )
    SELECT m.flag_id, m.kind, m.unit_id, m.customer_id, c.address, m.due_at
    FROM units CROSS JOIN LATERAL (SELECT * FROM messages WHERE unit_id = units.unit_id OFFSET 0) m
    LEFT JOIN customers c USING (customer_id)
    WHERE m.due_at > :since AND m.state = ANY(CAST(:states AS text[]))
""")

FIXES = text("SELECT flag_id, state FROM actions WHERE flag_id = ANY(CAST(:flags AS int[])) AND what <> 'gesture'")

NEEDS = text("SELECT customer_id, kind FROM needs WHERE customer_id = ANY(CAST(:customers AS text[]))")

STRUCK = text("""
    SELECT customer_id, issue, count(*) FROM flags
    WHERE customer_id = ANY(CAST(:customers AS text[])) AND issue = ANY(CAST(:issues AS text[]))
      AND state = 'struck' AND NOT replay AND closed_on >= :since
    GROUP BY customer_id, issue
""")
