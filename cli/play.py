"""Play past days through the functions of a day, in one process, each as it would have run the morning after.

A played morning has a played clock: 10:00 UTC after the day. Messages of a played day may only go to the mailbox.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from cli.pullers import Pullers
from core.clock import moment_after
from core.settings import Settings

MORNING = timedelta(hours=10)


def morning_after(day: date) -> datetime:
    """Return the instant at which a played day is worked on."""
    return moment_after(day) + MORNING


@dataclass(frozen=True)
class Pace:
    """How a stretch of past days is cut: a step every so many days, training and measuring less often."""

    first: date
    last: date
    every_days: int = 7
    train_every_days: int = 91
    measure_every_days: int = 28

    def steps(self) -> Iterator[tuple[date, date]]:
        """Yield (first, last) of each step; the last step ends on `last`."""
        start = self.first
        while start <= self.last:
            end = min(start + timedelta(days=self.every_days - 1), self.last)
            yield start, end
            start = end + timedelta(days=1)

    def next_morning(self, last: date) -> datetime | None:
        """Return just before the morning on which the step after this one is worked on; None after the last one."""
        ends = min(last + timedelta(days=self.every_days), self.last)
        return morning_after(ends) - timedelta(seconds=1) if ends > last else None

    def due(self, step: tuple[date, date], every_days: int) -> bool:
        """Whether something done every so many days (counted from the first) falls into this step."""
        first, last = step
        before = (first - self.first).days - 1
        return (last - self.first).days // every_days > before // every_days


@dataclass
class Tally:
    """What a stretch of played days added up to."""

    steps: int = 0
    skipped: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, **counts: int) -> None:
        """Add to the named counts."""
        for name, value in counts.items():
            self.counts[name] = self.counts.get(name, 0) + value


def pull_span(settings: Settings, first: date, last: date, pullers: Pullers | None = None) -> dict[str, int]:
    """Pull every source for `first` to `last` and close those days; return how many rows were read, kept, quarantined."""
    from feature_store.lake import close_days
    from feature_store.sources.configured import load_sources

    pullers = pullers or Pullers(steps=1)
    reports = pullers.pull(settings, sorted(load_sources(settings), reverse=True), first, last)
    close_days(settings, first, last)
    return {name: sum(getattr(report, name) for report in reports) for name in ("read", "kept", "quarantined")}


def detect_day(settings: Settings, day: date, *, now: datetime) -> int:
    """Compute the vectors as of `day`, score them, and return how many flags were opened."""
    from detectors.score import flag_day
    from feature_store.build import build_day

    return flag_day(build_day(day=day, settings=settings), day=day, now=now, settings=settings)


def missed_day(settings: Settings, day: date, *, now: datetime) -> dict[str, int]:
    """Count the troubles and contacts of the four weeks until `day` that nobody foresaw."""
    from detectors.missed import missed_day

    return missed_day(day=day, now=now, settings=settings, days=28)


def watch_day(settings: Settings, day: date, *, now: datetime) -> dict[str, int]:
    """Look at the models in use; one that failed or is stale stops sending."""
    from detectors.watch import watch_day

    return watch_day(day=day, now=now, settings=settings)


def reach_out_day(settings: Settings, day: date, *, now: datetime, until: datetime | None = None) -> dict[str, int]:
    """Hear the day's news, choose within budgets, approve within limits, gate, assign, plan, act and send to the mailbox, for the flags of `day`.

    What must wait, for a working day say, goes out when it is due, before the next morning that is played, `until`.
    """
    from loyalty.targets import choose_day
    from outreach.act import act_due
    from outreach.addresses import sync_day
    from outreach.news import read_news
    from outreach.plan import plan_day
    from outreach.review import review_day
    from outreach.send import send_due

    sync_day(day=day, now=now, settings=settings)
    read_news(day=day, now=now, settings=settings)
    choose_day(day=day, now=now, settings=settings)
    review_day(day=day, now=now, settings=settings)
    planned = plan_day(day=day, now=now, settings=settings)
    act_due(now=now, settings=settings, played=True)
    sent = send_due(now=now, settings=settings, played=True, until=until)
    return {"held_out": planned.get("held_out", 0), "accepted": sent.get("accepted", 0)}


def train_day(settings: Settings, day: date, *, now: datetime) -> list[dict[str, Any]]:
    """Train every learned issue as of `day`."""
    from detectors.train import train_all

    return train_all(day=day, now=now, settings=settings)


def measure(settings: Settings, day: date, *, now: datetime) -> dict[str, Any]:
    """Issue the readings that `day` makes readable."""
    from loyalty.reading import measure_day

    return measure_day(day=day, now=now, settings=settings)


def nothing(first: date, last: date) -> None:
    """Do nothing before a step: the sources fill by themselves."""


def play(
    settings: Settings,
    pace: Pace,
    pullers: Pullers,
    *,
    before_step: Callable[[date, date], None] = nothing,
    after_step: Callable[[date, dict[str, int]], None] = lambda last, counts: None,
) -> Tally:
    """Play each step of `pace`; steps that were finished before are skipped, so a killed run goes on where it was."""
    from ledger.database import sessions
    from ledger.days import is_done, mark_done

    tally, steps = Tally(), list(pace.steps())
    with sessions(settings).begin() as session:
        left = [step for step in steps if not is_done(session, step[1], "play")]
    tally.skipped = len(steps) - len(left)
    for first, last in left:
        before_step(first, last)
        counts = _step(settings, pace, (first, last), pullers)
        with sessions(settings).begin() as session:
            mark_done(session, last, "play", now=morning_after(last), counts={})
        tally.steps += 1
        tally.add(**counts)
        after_step(last, counts)
    return tally


def _step(settings: Settings, pace: Pace, step: tuple[date, date], pullers: Pullers) -> dict[str, int]:
    """Pull and close the step's days, train when due, detect and reach out as of its last day, measure when due."""
    first, last = step
    now = morning_after(last)
    counts = pull_span(settings, first, last, pullers)
    if pace.due(step, pace.train_every_days):
        train_day(settings, last, now=now)
    counts["flags"] = detect_day(settings, last, now=now)
    monthly = last == pace.last or pace.due(step, pace.measure_every_days)
    if monthly:
        watch_day(settings, last, now=now)
        missed_day(settings, last, now=now)
    counts |= reach_out_day(settings, last, now=now, until=pace.next_morning(last))
    if monthly:
        measure(settings, last, now=now)
    return counts
