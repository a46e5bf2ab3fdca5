"""The send loop: hear events, expire leases, judge once more and claim, commit, call, record. At most once, every doubt visible.

A message whose call may have happened is `uncertain` and never sent again by a machine. The one exception proves itself:
a channel that keeps our keys says for certain what arrived, and takes each key once, so there is no doubt to keep.
While one batch is with its provider, the next is judged and composed; it is not begun before the first is recorded.
"""

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from core import clock
from core.errors import ConfigError, LedgerError
from core.settings import Settings, current
from ledger.brakes import pull_brake
from ledger.claims import revoke, revoke_expired
from ledger.database import sessions
from ledger.messages import WAITING, Message, State, expire_leases, give_back, may_go, settle
from outreach.channel import channel
from outreach.claim import Batch, Claimer
from outreach.deliver import Delivered, Deliverer
from outreach.events import hear_events
from outreach.kill_switch import is_paused
from outreach.modes import playbooks_in_force
from outreach.playbook import Playbook
from outreach.reconcile import audit

PLAYED_BATCH = 1000  # the mailbox leaves no doubt, so a batch that is lost costs nothing
PLAYED = timedelta(days=1)  # how far a played morning's clock may run on, unless stated


def send_due(
    *, now: datetime | None = None, settings: Settings | None = None, played: bool = False, until: datetime | None = None
) -> dict[str, int]:  # fmt: skip
    """Send every due message once; return how many became accepted, refused, uncertain, suppressed or deferred.

    `played` is for a morning of the past: its clock jumps to what is due later, `until` the next morning that is played
    (default: a day later), and only the mailbox is allowed.
    Raise LedgerError when the counts of a day that is due do not reconcile, DeliveryError when a channel is misconfigured.
    """
    settings = settings or current()
    sender = Sender(settings, playbooks_in_force(settings), now, played, until)
    return dict(sender.run())


@dataclass
class Sender:
    """One run of the loop. `instant` is the played clock; None reads the real one."""

    settings: Settings
    playbooks: dict[str, Playbook]
    instant: datetime | None = None
    played: bool = False
    until: datetime | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Open the ledger and keep what every batch needs."""
        self.open: sessionmaker[Session] = sessions(self.settings)
        self.lease = timedelta(seconds=self.settings.outreach.lease_seconds)
        size = PLAYED_BATCH if self.played else self.settings.outreach.batch
        self.claimer = Claimer(self.settings, self.playbooks, self.open, size, self.lease)
        self.deliverer = Deliverer(self.settings, self.playbooks, self.open)

    def now(self) -> datetime:
        """Return the instant at which the loop is."""
        return self.instant or clock.now()

    def run(self) -> Counter[str]:
        """Send what is due until nothing is left, or a provider asks for patience."""
        last = self.until or self.now() + PLAYED
        self._prepare(last if self.played else self.now())
        if not self._stopped():
            with ThreadPoolExecutor(1, thread_name_prefix="call") as provider:
                while self._send_all(provider) and self._jump(last):
                    pass
        return Counter({name: n for name, n in self.counts.items() if n})

    def _send_all(self, provider: ThreadPoolExecutor) -> bool:
        """Send batch after batch; return whether all that is due went out, no provider having asked for patience."""
        calling: Future[Delivered] | None = None
        while True:
            batch = self._claim()
            if calling is not None and not self._has_answered(calling, batch):
                return False
            if batch is None:
                return True
            calling = provider.submit(self.deliverer.deliver, batch, self.now()) if batch.messages else None

    def _claim(self) -> Batch | None:
        batch = self.claimer.claim(self.now())
        if batch is not None:
            self.counts += batch.counts
            for name in batch.letters:
                self._refuse_played(name)
        return batch

    def _has_answered(self, calling: "Future[Delivered]", following: Batch | None) -> bool:
        """Wait for a batch's answers; where its provider wants no more now, give the following batch back."""
        done = Delivered(told_to_wait=True)
        try:
            done = calling.result()
        finally:
            if done.told_to_wait and following is not None:
                with self.open.begin() as session:
                    revoke(session, following.claim_id, now=self.now())
        self.counts += done.counts
        done.check()
        return not done.told_to_wait

    def _prepare(self, last: datetime) -> None:
        """Turn lost claims into doubts, settle those that prove themselves, and check what is about to be sent."""
        # Nobody else plays the same past, so a claim left behind by a killed player is lost at once.
        grace = self.lease + timedelta(seconds=1) if self.played else timedelta(0)
        hear_events(now=self.now(), settings=self.settings)
        with self.open.begin() as session:
            revoke_expired(session, now=self.now() + grace)
            self.counts["expired"] = expire_leases(session, now=self.now() + grace)
            _settle_what_is_certain(session, self.settings, self.now())
            due = session.execute(DUE, {"until": last}).all()
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


DUE = text("SELECT DISTINCT day, channel FROM messages WHERE state IN ('planned', 'approved') AND due_at <= :until")
