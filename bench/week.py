"""How long a played week takes, step by step, beside what it may take on two cores with 20,000 customers."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar

from cli.play import morning_after, pull_span, reach_out_day, train_day
from core.settings import Settings

Result = TypeVar("Result")
BUDGET_S = {"simulate": 0.15, "pull": 0.6, "features": 0.3, "score": 0.2, "reach out": 0.2}
HISTORY_WEEKS = 26


@dataclass
class Times:
    """Seconds of each step, one entry a week."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def of(self, step: str, work: Callable[[], Result]) -> Result:
        """Do the work of a step and note how long it took."""
        began = time.perf_counter()
        done = work()
        self.seconds.setdefault(step, []).append(time.perf_counter() - began)
        return done

    def rows(self) -> list[tuple[str, int, float, float, float | None]]:
        """Return (step, times, median, slowest, budget), in the order in which the steps came."""
        return [(step, len(s), statistics.median(s), max(s), BUDGET_S.get(step)) for step, s in self.seconds.items()]


def play_weeks(settings: Settings, *, customers: int, weeks: int, last: date) -> Times:
    """Load half a year of a made company, train once, and play `weeks` weeks up to `last`; return the times."""
    from simulator.company import Company

    first = last - timedelta(weeks=HISTORY_WEEKS + weeks) + timedelta(days=1)
    eve = first + timedelta(weeks=HISTORY_WEEKS) - timedelta(days=1)
    company = Company.open(str(settings.place("company")), customers=customers, seed=1, first=first, last=last)
    times = Times()
    times.of("simulate the history", lambda: _live_until(settings, company, eve))
    times.of("pull the history", lambda: pull_span(settings, first, eve))
    for week in range(weeks):
        end = eve + timedelta(weeks=week + 1)
        _play_week(settings, company, end, times, train=week == 0)
    return times


def _play_week(settings: Settings, company: object, end: date, times: Times, *, train: bool) -> None:
    from detectors.score import flag_day
    from feature_store.build import build_day

    now = morning_after(end)
    times.of("simulate", lambda: _live_until(settings, company, end))
    times.of("pull", lambda: pull_span(settings, end - timedelta(days=6), end))
    if train:
        times.of("train", lambda: train_day(settings, end, now=now))
    vectors = times.of("features", lambda: build_day(day=end, settings=settings))
    times.of("score", lambda: flag_day(vectors, day=end, now=now, settings=settings))
    times.of("reach out", lambda: reach_out_day(settings, end, now=now))


def _live_until(settings: Settings, company: object, day: date) -> None:
    from simulator.outcome import accepted_messages

    company.write_until(day, contacts=accepted_messages(settings))  # type: ignore[attr-defined]
