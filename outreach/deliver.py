"""Deliver a claimed batch: begin, commit, call, record. Where the claim was lost meanwhile, nothing is called."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session, sessionmaker

from core.errors import DeliveryError
from core.settings import Settings
from ledger.claims import begin, look_up_by_index
from ledger.messages import SENT, Message, Result, State, record_all
from outreach.channel import Receipt, Status, channel
from outreach.claim import Batch
from outreach.letter import Letter
from outreach.playbook import Playbook

STATES = {Status.ACCEPTED: State.ACCEPTED, Status.REFUSED: State.REFUSED, Status.UNCERTAIN: State.UNCERTAIN,
          Status.DEFERRED: State.PLANNED}  # fmt: skip


@dataclass
class Delivered:
    """What became of a batch: counts by state, whether a provider asked for patience, and what is wrong with a channel."""

    counts: Counter[str] = field(default_factory=Counter)
    told_to_wait: bool = False
    broken: str | None = None

    def check(self) -> None:
        """Raise DeliveryError when a channel is misconfigured."""
        if self.broken:
            raise DeliveryError(self.broken)


@dataclass
class Deliverer:
    """Calls providers and records their answers."""

    settings: Settings
    playbooks: dict[str, Playbook]
    open: sessionmaker[Session]

    def deliver(self, batch: Batch, now: datetime) -> Delivered:
        """Send a batch's letters through their channels; what went wrong is in the result, never raised."""
        done = Delivered()
        with self.open.begin() as session:
            begun = begin(session, batch.claim_id, now=now)
        if not begun:
            done.counts["taken_over"] += len(batch.messages)
            return done
        for name, letters in batch.letters.items():
            self._call(name, letters, batch, done, now)
        return done

    def _call(self, name: str, letters: list[Letter], batch: Batch, done: Delivered, now: datetime) -> None:
        receipts = channel(name).send(letters, settings=self.settings, now=now)
        with self.open.begin() as session:
            look_up_by_index(session)
            done.counts += self._record(session, [self._result(each, batch.messages[each.key], now) for each in receipts], now)
        done.told_to_wait |= any(receipt.status == Status.DEFERRED for receipt in receipts)
        broken = [receipt for receipt in receipts if receipt.broken]
        if broken:
            done.broken = f"{name}: {broken[0].reason} {len(broken)} messages were given back and are tried again later."

    def _result(self, receipt: Receipt, message: Row[Any], now: datetime) -> Result:
        aside = self.settings.outreach.redirect_all_to
        reasons = [receipt.reason] if receipt.reason else [f"redirected to {aside}"] if aside else []
        due_at = max(receipt.retry_at or now, now + timedelta(minutes=1)) if receipt.status == Status.DEFERRED else None
        return Result(message.id, message.fence, STATES[receipt.status], self.playbooks[message.issue].version,
                      receipt.provider_id, tuple(reasons), due_at)  # fmt: skip

    def _record(self, session: Session, results: Sequence[Result], now: datetime) -> Counter[str]:
        held = record_all(session, results, now=now)
        others = [result.message_id for result in results if result.message_id not in held]
        # The provider's event may have come before its answer; that is no other sender's doing.
        heard = set(session.scalars(select(Message.id).where(Message.id.in_(others), Message.state.in_(SENT)))) if others else set()
        mine = held | heard
        return Counter("taken_over" if result.message_id not in mine else
                       "deferred" if result.state == State.PLANNED else str(result.state) for result in results)  # fmt: skip
