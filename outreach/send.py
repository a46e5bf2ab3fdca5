"""The send loop: hear events, expire leases, judge once more and claim, commit, call, record. At most once, every doubt visible.

A message whose call may have happened is `uncertain` and never sent again by a machine. The one exception proves itself:
a channel that keeps our keys says for certain what arrived, and takes each key once, so there is no doubt to keep.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session, sessionmaker

from core import clock
from core.errors import ConfigError, DeliveryError, LedgerError
from core.settings import Settings, current
from ledger.brakes import pull_brake
from ledger.database import sessions
from ledger.messages import (
    SENT,
    WAITING,
    Message,
    Result,
    State,
    claim_due,
    expire_leases,
    give_back,
    may_go,
    record_all,
    settle,
)
from outreach.channel import Receipt, Status, channel
from outreach.compose import Composer, Recipient
from outreach.events import hear_events
from outreach.gate import MAY_BE_SENT, WAITS, Candidate, Facts, gather, refusals, when
from outreach.kill_switch import is_paused
from outreach.letter import Letter
from outreach.modes import playbooks_in_force
from outreach.playbook import Playbook
from outreach.reconcile import audit

GATE_LOCK = 0x67617465  # any number nobody else uses: "gate"
LATER = timedelta(minutes=15)
PLAYED_BATCH = 1000  # the mailbox leaves no doubt, so a batch that is lost costs nothing
PLAYED = timedelta(days=1)  # how far a played morning's clock may run on to messages due later that day
STATES = {Status.ACCEPTED: State.ACCEPTED, Status.REFUSED: State.REFUSED, Status.UNCERTAIN: State.UNCERTAIN,
          Status.DEFERRED: State.PLANNED}  # fmt: skip


def send_due(*, now: datetime | None = None, settings: Settings | None = None, played: bool = False) -> dict[str, int]:
    """Send every due message once; return how many became accepted, refused, uncertain, suppressed or deferred.

    `played` is for a morning of the past: its clock jumps to what is due later that day, and only the mailbox is allowed.
    Raise LedgerError when the counts of a day that is due do not reconcile, DeliveryError when a channel is misconfigured.
    """
    settings = settings or current()
    sender = Sender(settings, playbooks_in_force(settings), now, played)
    return dict(sender.run())


@dataclass
class Sender:
    """One run of the loop. `instant` is the played clock; None reads the real one."""

    settings: Settings
    playbooks: dict[str, Playbook]
    instant: datetime | None = None
    played: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Open the ledger and keep what every batch needs."""
        self.composer = Composer(self.settings)
        self.open: sessionmaker[Session] = sessions(self.settings)
        self.told_to_wait = False
        self.batch = PLAYED_BATCH if self.played else self.settings.outreach.batch
        self.lease = timedelta(seconds=self.settings.outreach.lease_seconds)

    def now(self) -> datetime:
        """Return the instant at which the loop is."""
        return self.instant or clock.now()

    def run(self) -> Counter[str]:
        """Send what is due until nothing is left, or a provider asks for patience."""
        last = self.now() + PLAYED
        self._prepare()
        while not self.told_to_wait and not self._stopped():
            if not self._batch() and not self._jump(last):
                break
        return Counter({name: n for name, n in self.counts.items() if n})

    def _prepare(self) -> None:
        """Turn lost claims into doubts, settle those that prove themselves, and check what is about to be sent."""
        # Nobody else plays the same past, so a claim left behind by a killed player is lost at once.
        grace = self.lease + timedelta(seconds=1) if self.played else timedelta(0)
        hear_events(now=self.now(), settings=self.settings)
        with self.open.begin() as session:
            self.counts["expired"] = expire_leases(session, now=self.now() + grace)
            _settle_what_is_certain(session, self.settings, self.now())
            due = session.execute(DUE, {"until": self.now() + (PLAYED if self.played else timedelta(0))}).all()
            for name in sorted({row.channel for row in due}):
                self._refuse_played(name)
                channel(name).check(self.settings)
        self._reconcile({row.day for row in due})

    def _reconcile(self, days: set[date]) -> None:
        """Refuse to send for days whose counts do not add up, and leave the brake on until a person has looked."""
        try:
            with self.open.begin() as session:
                audit(session, days=days)
        except LedgerError as error:
            with self.open.begin() as session:
                pull_brake(session, issue=None, kind="mismatch", reason=str(error), now=self.now())
            raise

    def _refuse_played(self, name: str) -> None:
        if self.played and name != "mailbox":
            raise ConfigError(f"{self.settings.folder}: channel: a past day may only be played to the mailbox, got {name!r}. "
                              "Set outreach.channel, and any playbook's channel, to 'mailbox' while playing.")

    def _stopped(self) -> bool:
        with self.open.begin() as session:
            return is_paused(session, self.settings)

    def _jump(self, last: datetime) -> bool:
        """Move a played clock to the next message that is due; return whether there is one."""
        if not self.played:
            return False
        with self.open.begin() as session:
            due = session.scalar(select(func.min(Message.due_at)).where(Message.state.in_(WAITING), may_go()))
        if due is None or due > last:
            return False
        self.instant = max(due, self.now())
        return True

    def _batch(self) -> bool:
        """Claim, judge, call and record one batch; return whether there was anything to claim."""
        with self.open.begin() as session:
            # One sender at a time judges, and what it claims is committed before the next one looks.
            session.execute(select(func.pg_advisory_xact_lock(GATE_LOCK)))
            claimed = claim_due(session, now=self.now(), lease=self.lease, limit=self.batch)
            passed = self._judge(session, claimed) if claimed else []
        if not claimed:
            return False
        letters: dict[str, list[Letter]] = {message.channel: [] for message, _ in passed}
        for message, letter in passed:
            letters[message.channel].append(letter)
        of_key = {message.key: message for message, _ in passed}
        for name, written in letters.items():
            self._call(name, written, of_key)
        return True

    def _judge(self, session: Session, claimed: Sequence[Row[Any]]) -> list[tuple[Row[Any], Letter]]:
        """Ask the gate at the last moment; compose for those that pass, record the others."""
        rows = {row.message_id: row for row in session.execute(RECIPIENTS, {"ids": [message.id for message in claimed]})}
        candidates = [_candidate(rows[message.id]) for message in claimed]
        now = self.now()
        facts = gather(session, candidates, self.playbooks, settings=self.settings, now=now, counting=MAY_BE_SENT)
        results, passed = [], []
        for message, candidate in zip(claimed, candidates, strict=True):
            result = self._refusal(message, candidate, facts)
            if result is None:
                row = rows[message.id]
                to = Recipient(message.key, row.address, row.name, row.language, message.day)
                done = facts.fixes.get(message.flag_id) == "done"
                spoken = self.playbooks[message.issue].spoken(message.kind, done=done)
                passed.append((message, self.composer.letter(spoken, to, now=now)))
            else:
                facts.remove(candidate)
                results.append(result)
        self._record(session, results)
        return passed

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

    def _call(self, name: str, letters: list[Letter], of_key: dict[str, Row[Any]]) -> None:
        """Call the provider, then record its answers; where the claim ran out meanwhile, nothing is called."""
        self._refuse_played(name)
        if self._gave_back_late([of_key[letter.key] for letter in letters]):
            return
        receipts = channel(name).send(letters, settings=self.settings, now=self.now())
        with self.open.begin() as session:
            self._record(session, [self._result(receipt, of_key[receipt.key]) for receipt in receipts])
        self.told_to_wait |= any(receipt.status == Status.DEFERRED for receipt in receipts)
        broken = [receipt for receipt in receipts if receipt.broken]
        if broken:
            raise DeliveryError(f"{name}: {broken[0].reason} {len(broken)} messages were given back and are tried again later.")

    def _gave_back_late(self, messages: Sequence[Row[Any]]) -> bool:
        """Give claims that are too old to call on back, as far as nobody took them for lost yet; return whether they are."""
        now = self.now()
        late = any(message.lease_until is None or message.lease_until <= now for message in messages)
        if late:
            results = [Result(m.id, m.fence, State.PLANNED, m.playbook_version, due_at=now) for m in messages]
            with self.open.begin() as session:
                self._record(session, results)
        return late

    def _result(self, receipt: Receipt, message: Row[Any]) -> Result:
        aside = self.settings.outreach.redirect_all_to
        reasons = [receipt.reason] if receipt.reason else [f"redirected to {aside}"] if aside else []
        due_at = max(receipt.retry_at or self.now(), self.now() + timedelta(minutes=1))
        deferred = receipt.status == Status.DEFERRED
        return Result(message.id, message.fence, STATES[receipt.status], self.playbooks[message.issue].version,
                      receipt.provider_id, tuple(reasons), due_at if deferred else None)  # fmt: skip

    def _record(self, session: Session, results: Sequence[Result]) -> None:
        held = record_all(session, results, now=self.now())
        others = [result.message_id for result in results if result.message_id not in held]
        # The provider's event may have come before its answer; that is no other sender's doing.
        heard = set(session.scalars(select(Message.id).where(Message.id.in_(others), Message.state.in_(SENT)))) if others else set()
        for result in results:
            mine = result.message_id in held | heard
            name = "taken_over" if not mine else "deferred" if result.state == State.PLANNED else str(result.state)
            self.counts[name] += 1


def _settle_what_is_certain(session: Session, settings: Settings, now: datetime) -> None:
    """Where a channel keeps our keys, ask it about each doubt: what it has was accepted, what it has not may be sent."""
    doubts = session.scalars(select(Message).where(Message.state == State.UNCERTAIN)).all()
    for name in sorted({message.channel for message in doubts}):
        through = channel(name)
        if not through.keeps_keys:
            continue
        asked = {message.key: message for message in doubts if message.channel == name}
        has = through.holds({(key, message.day.isoformat()) for key, message in asked.items()}, settings=settings)
        for key in has:
            settle(session, asked[key].id, state=State.ACCEPTED, now=now, receipt=f"{name}: found {key}")
        give_back(session, [message.id for key, message in asked.items() if key not in has], now=now)


def _candidate(row: object) -> Candidate:
    return Candidate(*(getattr(row, name) for name in Candidate.__slots__))


DUE = text("SELECT DISTINCT day, channel FROM messages WHERE state IN ('planned', 'approved') AND due_at <= :until")

RECIPIENTS = text("""
    SELECT m.id AS message_id, m.flag_id, m.issue, m.day, f.state, f.replay, m.customer_id, m.unit_id,
           c.address, COALESCE(c.consent, false) AS consent, c.time_zone, c.country, c.phone, f.probability, f.days_until,
           m.kind, m.channel, m.planned_at, c.name, c.language
    FROM messages m JOIN flags f ON f.id = m.flag_id LEFT JOIN customers c ON c.customer_id = m.customer_id
    WHERE m.id = ANY(:ids)
""")
