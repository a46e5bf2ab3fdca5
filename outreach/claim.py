"""Claim a batch: judge what is due at the last moment, and compose what may go, in one transaction.

A crash in here leaves nothing claimed; a crash after it and before the call leaves a claim that was never begun.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session, sessionmaker

from core.settings import Settings
from ledger.claims import hold_gate, open_claim
from ledger.messages import Result, State, claim_due, record_all
from outreach.compose import Composer, Recipient
from outreach.gate import MAY_BE_SENT, WAITS, Candidate, Facts, gather, refusals, when
from outreach.letter import Letter
from outreach.playbook import Playbook

GATE_LOCK = 0x67617465  # any number nobody else uses: "gate"
LATER = timedelta(minutes=15)


class PausedError(Exception):
    """Everything is stopped: what was just claimed is given back by the transaction itself."""


@dataclass
class Batch:
    """What one claim holds: the messages that may go and their letters, and what became of the others."""

    claim_id: int
    messages: dict[str, Row[Any]] = field(default_factory=dict)   # by key
    letters: dict[str, list[Letter]] = field(default_factory=dict)  # by channel
    counts: Counter[str] = field(default_factory=Counter)


@dataclass
class Claimer:
    """Claims batches for one sender."""

    settings: Settings
    playbooks: dict[str, Playbook]
    open: sessionmaker[Session]
    size: int
    lease: timedelta

    def __post_init__(self) -> None:
        """Keep each skeleton once rendered."""
        self.composer = Composer(self.settings)
        self.spoken: dict[tuple[str, str, bool], Playbook] = {}

    def claim(self, now: datetime) -> Batch | None:
        """Return the next batch, or None where nothing is due or everything is stopped."""
        try:
            with self.open.begin() as session:
                # What one sender claims is committed before the next one looks.
                hold_gate(session, GATE_LOCK)
                batch = Batch(open_claim(session, now=now, lease=self.lease))
                claimed = claim_due(session, now=now, lease=self.lease, limit=self.size, claim_id=batch.claim_id)
                if not claimed:
                    session.rollback()
                    return None
                self._judge(session, claimed, batch, now)
                return batch
        except PausedError:
            return None

    def _judge(self, session: Session, claimed: Sequence[Row[Any]], batch: Batch, now: datetime) -> None:
        rows = {row.message_id: row for row in session.execute(RECIPIENTS, {"ids": [message.id for message in claimed]})}
        candidates = [Candidate(*rows[message.id][:CANDIDATE]) for message in claimed]
        facts = gather(session, candidates, self.playbooks, settings=self.settings, now=now, counting=MAY_BE_SENT)
        if facts.paused:
            raise PausedError
        stopped = []
        for message, candidate in zip(claimed, candidates, strict=True):
            refused = self._refusal(message, candidate, facts)
            if refused is None:
                batch.messages[message.key] = message
                batch.letters.setdefault(message.channel, []).append(self._letter(message, rows[message.id], facts, now))
            else:
                facts.remove(candidate)
                stopped.append(refused)
        record_all(session, stopped, now=now)
        batch.counts.update("deferred" if each.state == State.PLANNED else str(each.state) for each in stopped)

    def _letter(self, message: Row[Any], row: Row[Any], facts: Facts, now: datetime) -> Letter:
        done = facts.fixes.get(message.flag_id) == "done"
        said = (message.issue, message.kind, done)
        if said not in self.spoken:
            self.spoken[said] = self.playbooks[message.issue].spoken(message.kind, done=done)
        return self.composer.letter(self.spoken[said], Recipient(message.key, row.address, row.name, row.language, message.day), now=now)

    def _refusal(self, message: Row[Any], candidate: Candidate, facts: Facts) -> Result | None:
        """Return why a claimed message does not go out now, or None where it does."""
        reasons = refusals(candidate, facts)
        playbook = self.playbooks.get(message.issue)
        if playbook is not None and playbook.mode == "shadow":
            reasons.append("back_in_shadow")
        version = message.playbook_version
        if reasons and WAITS.issuperset(reasons):
            return Result(message.id, message.fence, State.PLANNED, version, due_at=facts.now + LATER)
        if reasons:
            return Result(message.id, message.fence, State.SUPPRESSED, version, reasons=tuple(reasons))
        due_at, moved = when(candidate, facts)
        if due_at > facts.now:
            return Result(message.id, message.fence, State.PLANNED, version, reasons=tuple(moved), due_at=due_at)
        facts.pace.take(facts.now)
        return None


CANDIDATE = len(Candidate.__slots__)
# The columns of a candidate, in its order, then what only the letter needs.
RECIPIENTS = text("""
    SELECT m.flag_id, m.issue, m.day, f.state, f.replay, m.customer_id, m.unit_id,
           c.address, COALESCE(c.consent, false) AS consent, c.time_zone, c.country, c.phone, f.probability, f.days_until,
           m.kind, m.channel, m.planned_at, m.id AS message_id, c.name, c.language
    FROM messages m JOIN flags f ON f.id = m.flag_id LEFT JOIN customers c ON c.customer_id = m.customer_id
    WHERE m.id = ANY(:ids)
""")
