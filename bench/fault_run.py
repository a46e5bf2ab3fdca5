"""One fault run: a ledger, a provider and a clock of its own, and the phases that senders are put through."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from multiprocessing.process import BaseProcess
from random import Random
from typing import Any

from bench import fault_worker
from bench.fault_events import Receiver, bodies, post_over_hours, told
from bench.fault_worker import Orders, waiting
from bench.outbox import DAY, flag
from bench.provider import Provider
from core.settings import Settings
from ledger.database import sessions
from ledger.postgres import Cluster, find_postmaster, is_alive, start
from outreach.events import hear_events
from outreach.plan import plan_approved
from outreach.send import send_due

PRELOAD = ["bench.fault_worker", "bench.fault_events", "console.public.webhooks", "uvicorn", "outreach.channels.sendgrid"]
PATIENCE_S = 300.0
HELD_OUT = 0.15        # of the flagged, a little more than are
KILLED_AT_ONCE = 3    # so many are at work, and race
MET_AT_WORK = 0.9     # the others may die while they start
LONGEST_LIFE_S = 0.2  # seconds at work until the next is killed
ROUGH = {"accept": 50, "slow": 25, "take, then drop": 6, "drop": 3, "500": 4, "429": 6, "take, then hang": 1, "hang": 1}
MILD = {"accept": 90, "slow": 6, "take, then drop": 1, "500": 1, "429": 2}


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    kills: int = 500
    kill_seconds: float = 3600.0  # on a machine that is busy with something else, fewer are killed, and the counts say so
    waits: int = 1_500     # messages planned at a time while senders are killed
    racers: int = 8
    race: int = 10_000
    stops: int = 3
    stopped: int = 2_000
    jumped: int = 2_000
    scheduled: int = 1_000
    replays: int = 50
    replayed: int = 1_000


SMALL = Size(kills=25, waits=250, racers=4, race=400, stops=1, stopped=150, jumped=150, scheduled=60, replays=8, replayed=40)


@dataclass
class FaultRun:
    """One run on a ledger, a provider and a clock of its own."""

    settings: Settings
    cluster: Cluster
    provider: Provider
    orders: Orders
    size: Size
    random: Random = field(default_factory=lambda: Random(11))
    kills: int = 0
    flagged: int = 0
    days: int = 0
    notes: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start the process that forks the others: it has everything imported and nothing open."""
        os.environ[fault_worker.WARM] = str(self.settings.folder)
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(PRELOAD)
        self.now = self.orders.clock.reader()

    def behave(self, weights: dict[str, int]) -> None:
        """Let the provider misbehave at random, so often."""
        reset = {"429": lambda: "429 " + json.dumps({"X-RateLimit-Reset": str(int(self.now().timestamp()) + 20)})}
        kinds, shares = list(weights), list(weights.values())

        def mood() -> str:
            kind = self.random.choices(kinds, shares)[0]
            return reset[kind]() if kind in reset else kind

        self.provider.mood = mood

    def fill(self, at_least: int, up_to: int | None = None) -> None:
        """Flag and plan new customers, `up_to` messages' worth of them, where fewer than `at_least` wait."""
        with sessions(self.settings)() as session:
            waits = waiting(session)
        if waits < at_least:
            self.flag(int(((up_to or at_least) - waits) / (1 - HELD_OUT)) + 10)
            plan_approved(now=self.now(), settings=self.settings)

    def flag(self, size: int) -> date:
        """Flag new customers as an approved cohort of a day of its own."""
        day = DAY - timedelta(days=self.days)
        flag(self.settings, size, day=day, first=self.flagged, refused=True)
        self.flagged, self.days = self.flagged + size, self.days + 1
        return day

    def start(self, work: Callable[..., None], *arguments: Any, **changes: Any) -> BaseProcess:
        """Start a process of its own that does `work`."""
        process = self.context.Process(target=work, args=(replace(self.orders, **changes), *arguments), daemon=True)
        process.start()
        return process

    def note(self, what: str, said: str) -> None:
        """Say how a phase went, now and in the table."""
        self.notes.append((what, said))
        sys.stderr.write(f"  {what}: {said}\n")

    # ------------------------------------------------------------------------------------------------- the phases

    def kill(self) -> None:
        """Keep three senders at work, and kill one of them again and again."""
        self.behave(ROUGH)
        victims = [self._victim() for _ in range(KILLED_AT_ONCE)]
        until = time.monotonic() + self.size.kill_seconds
        while self.kills < self.size.kills and time.monotonic() < until:
            self.fill(self.size.waits // 4, up_to=self.size.waits)
            n = self.random.randrange(KILLED_AT_ONCE)
            sender, at_work = victims[n]
            if self.random.random() < MET_AT_WORK:
                at_work.wait(30)
            time.sleep(self.random.uniform(0, LONGEST_LIFE_S))
            self.kills += _killed(sender)
            victims[n] = self._victim()
        for sender, _ in victims:
            self.kills += _killed(sender)
        self.note("kill -9", f"{self.kills} senders killed at random moments, {self.provider.asked:,} requests")

    def _victim(self) -> tuple[BaseProcess, Any]:
        at_work = self.context.Event()
        return self.start(fault_worker.send, at_work), at_work

    def race(self) -> None:
        """Let many senders race over what waits."""
        self.behave(MILD)
        self.fill(self.size.race)
        before = len(self.provider.received)
        self.finish(*(self.start(fault_worker.send, until_empty=True) for _ in range(self.size.racers)))
        self.note("race", f"{self.size.racers} senders, {len(self.provider.received) - before:,} messages received")

    def stop_the_database(self) -> None:
        """Crash PostgreSQL under the senders, start it again, and let them go on."""
        self.behave(MILD)
        self.fill(self.size.stopped)
        for _ in range(self.size.stops):
            senders = [self.start(fault_worker.send, until_empty=True) for _ in range(4)]
            time.sleep(self.random.uniform(0.3, 0.8))
            _crash(self.cluster)
            time.sleep(0.3)
            start(self.cluster)
            for sender in senders:
                sender.join(PATIENCE_S)
            self.fill(self.size.stopped)
        self.finish(*(self.start(fault_worker.send, until_empty=True) for _ in range(2)))
        self.note("PostgreSQL", f"crashed and started {self.size.stops} times under four senders")

    def jump(self) -> None:
        """Let four senders work whose clocks jump hours to and fro."""
        self.behave(MILD)
        self.fill(self.size.jumped)
        mad = [self.orders.clock.jumping(hours=6, seed=n) for n in range(4)]
        self.finish(*(self.start(fault_worker.send, clock=each, until_empty=True) for each in mad))
        self.note("clocks", "four senders with clocks that jump up to six hours to and fro")

    def schedule(self) -> None:
        """Let two schedulers plan and send the same day at once, four times each."""
        self.behave(MILD)
        day = self.flag(self.size.scheduled).isoformat()
        self.finish(*(self.start(fault_worker.schedule, day, 4) for _ in range(2)))
        self.note("schedulers", f"two at once, each ran {day} four times")

    def hear(self) -> None:
        """Let the provider tell of everything once, and of some messages fifty times, while our receiver is mostly down."""
        with self.provider.lock:
            keys = sorted(self.provider.received)
        some = self.random.sample(keys, min(self.size.replayed, len(keys)))
        posts = bodies(told(set(keys) - set(some), at=self.now(), random=self.random), size=500, random=self.random)
        events = told(some, at=self.now(), random=self.random)
        for _ in range(self.size.replays):
            posts += bodies(events, size=100, random=self.random)
        receiver = Receiver(self.context, self.orders)
        try:
            counts = post_over_hours(receiver, posts, hours=30, down=(3.0, 26.0), random=self.random)
        finally:
            receiver.down()
        hear_events(now=self.now(), settings=self.settings)
        self.note("events", f"{counts['bodies']:,} bodies over 30 hours, {self.size.replays} times {len(events):,} events; receiver down "
                  f"for 23; {counts['attempts']:,} attempts, {counts['given_up']} given up, slowest answer {receiver.slowest_s:.2f} s")  # fmt: skip

    # --------------------------------------------------------------------------------------------------- the end

    def finish(self, *senders: BaseProcess) -> None:
        """Wait for senders that end by themselves; one that died of a fault is no fault of the run."""
        for sender in senders:
            sender.join(PATIENCE_S)
            if sender.exitcode is None:
                sender.kill()
                raise TimeoutError(f"a sender was not done after {PATIENCE_S:.0f} s.")

    def drain(self) -> None:
        """Send what still waits, with an honest provider and a clock past every deferral."""
        self.provider.mood = lambda: "accept"
        until = self.now() + timedelta(days=3)
        for hours in (0, 1, 2):
            send_due(now=until + timedelta(hours=hours), settings=self.settings)


def _killed(process: BaseProcess) -> bool:
    """Kill a process; return whether it died of that."""
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def _crash(cluster: Cluster) -> None:
    found = find_postmaster(cluster)
    if found is None:
        raise RuntimeError(f"{cluster.folder}: no server runs here.")
    found.process.send_signal(signal.SIGQUIT)  # at once, without a checkpoint
    while is_alive(found.process):
        time.sleep(0.02)
