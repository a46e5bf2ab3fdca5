"""The processes of the fault run that are killed: senders on a played clock, and planners that run a day again and again."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from random import Random
from typing import Any

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

import outreach.claim
from core import clock
from core.errors import LedgerError
from core.settings import Settings, load_settings
from ledger import database, messages
from ledger.database import sessions
from ledger.messages import WAITING, Message
from outreach.plan import plan_day
from outreach.send import send_due

PAUSE_S = 0.02
WARM = "BEFOREHAND_FAULT_RUN"  # names the configuration of the run, for the process that forks the others


@dataclass(frozen=True)
class PlayedClock:
    """A clock that runs faster than the real one; `jumps_hours` makes it jump to and fro as it likes."""

    began: datetime
    started_s: float              # time.time() at which it showed `began`
    speed: float = 60.0
    jumps_hours: float = 0.0
    seed: int = 0

    def reader(self) -> Callable[[], datetime]:
        """Return the function that reads this clock."""
        random, offset = Random(self.seed), timedelta(0)

        def read() -> datetime:
            nonlocal offset
            if self.jumps_hours and random.random() < 0.2:
                offset = timedelta(hours=random.uniform(-self.jumps_hours, self.jumps_hours))
            return self.began + timedelta(seconds=(time.time() - self.started_s) * self.speed) + offset

        return read

    def jumping(self, hours: float, seed: int) -> "PlayedClock":
        """Return the same clock, gone mad."""
        return replace(self, jumps_hours=hours, seed=seed)


@dataclass(frozen=True)
class Orders:
    """What a process needs to know: where the ledger is, what time it is, and whether it carries the planted bug."""

    config: str
    database_url: str
    clock: PlayedClock
    until_empty: bool = False
    record_before_claim: bool = False


def _ends_quietly(work: Callable[..., None]) -> Callable[..., None]:
    """Let a process whose database went away end, as a task does that Airflow tries again; anything else is shown."""

    @wraps(work)
    def run(*arguments: Any) -> None:
        try:
            work(*arguments)
        except (OperationalError, LedgerError) as error:
            if "reconcile" in str(error):
                raise
            sys.exit(3)

    return run


@_ends_quietly
def send(orders: Orders, at_work: Any = None) -> None:
    """Send until killed, or until nothing waits any more; set the event `at_work` once the ledger is open."""
    settings = _begin(orders)
    with sessions(settings)() as session:
        waiting(session)
    if at_work is not None:
        at_work.set()
    while True:
        send_due(settings=settings)
        with sessions(settings)() as session:
            if orders.until_empty and not waiting(session):
                return
        time.sleep(PAUSE_S)


@_ends_quietly
def schedule(orders: Orders, day: str, times: int) -> None:
    """Plan and send the same day again and again, as a scheduler does whose tasks are cleared."""
    settings = _begin(orders)
    for _ in range(times):
        plan_day(day=day, now=clock.now(), settings=settings)
        send_due(settings=settings)


def waiting(session: Session) -> int:
    """Return how many messages still wait to be sent."""
    return session.scalar(select(func.count()).select_from(Message).where(Message.state.in_([*WAITING, "claimed"]))) or 0


def _warm(config: str) -> dict[str, Engine]:
    """Do once, before the forks, what every process would do for itself; return engines with their statements compiled."""
    send_due(now=datetime.now(UTC), settings=load_settings(config))
    return dict(database._engines)


_engines = _warm(os.environ[WARM]) if WARM in os.environ else {}


def _begin(orders: Orders) -> Settings:
    os.environ["DATABASE_URL"] = orders.database_url
    os.environ.setdefault("SENDGRID_API_KEY", "SG.fault-run")
    database._engines.update(_engines)  # their connections were dropped by the fork
    clock.now = orders.clock.reader()
    if orders.record_before_claim:
        _plant_bug()
    return load_settings(orders.config)


def _plant_bug() -> None:
    """Send first and claim with the record, as one would without a ledger: a kill in between sends twice."""
    messages.RECORD_ALL = text(str(messages.RECORD_ALL).replace("mine.was = 'claimed'", "mine.was IN ('planned', 'claimed')"))

    def unclaimed(session: Session, *, now: datetime, lease: timedelta, limit: int, claim_id: int | None = None) -> list:
        found = select(*(getattr(Message, name) for name in messages.CLAIMED_ROW)).where(Message.state == "planned", Message.due_at <= now)
        rows = session.execute(found.order_by(Message.due_at, Message.id).limit(limit)).all()
        return [_Unclaimed(row._asdict() | {"lease_until": now + lease}) for row in rows]

    outreach.claim.claim_due = unclaimed


class _Unclaimed:
    """A row that was only looked at."""

    def __init__(self, values: dict) -> None:
        self.__dict__.update(values)
