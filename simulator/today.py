"""One day of the made company: who is there, the day's own random numbers, and what each source will write."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np

from simulator.people import NEVER, Column, People
from simulator.truth import IssueTruth, Truth

SOURCES = ("telemetry", "billing", "contacts", "purchases", "customers")
DAY_SECONDS = 86_400
Chance = Callable[[float | Column], Column]


@dataclass
class Sheet:
    """Rows of one source for one day, in batches; columns that a batch does not state are -1 or not a number."""

    batches: list[dict[str, Column]] = field(default_factory=list)

    def add(self, kind: int, who: Column, second: Column | int, *,
            value: Column | float = np.nan, tag: Column | int = -1) -> None:
        """Add a row for each of `who`: its kind, second of the day, amount in the source's unit, and a number of its own."""
        n = len(who)
        self.batches.append({
            "kind": np.full(n, kind, dtype=np.int8),
            "who": who.astype(np.int32),
            "second": np.broadcast_to(np.asarray(second, dtype=np.int64), n),
            "value": np.broadcast_to(np.asarray(value, dtype=np.float64), n),
            "tag": np.broadcast_to(np.asarray(tag, dtype=np.int64), n),
        })

    def columns(self) -> dict[str, Column]:
        """Return all batches one after the other."""
        return {name: np.concatenate([b[name] for b in self.batches]) for name in self.batches[0]}


@dataclass
class Today:
    """The day being made: `index` counted from the calendar's first day.

    `rng` is for what happens, and is asked for everybody, those who left too: so the same happens whoever leaves.
    `looks` is for how a row looks (its second, its delay), and is asked only for rows that are written.
    """

    index: int
    on: date
    people: People
    truth: Truth
    seed: int
    rng: np.random.Generator
    looks: np.random.Generator
    sheets: dict[str, Sheet] = field(default_factory=lambda: {name: Sheet() for name in SOURCES})

    @cached_property
    def here(self) -> Column:
        """Who has joined, whether or not they left since."""
        return self.people.joined <= self.index

    @cached_property
    def active(self) -> Column:
        """Who has joined and not left; only they are seen in any file. Ask after today's leaving is settled."""
        return self.here & (self.people.left > self.index)

    def chance(self, share: float | Column) -> Column:
        """Toss for every customer: true with probability `share`, and only for those who have joined."""
        return (self.rng.random(len(self.people)) < share) & self.here

    def shown(self, who: Column) -> Column:
        """Return the row numbers of those of the mask `who` that any file may show."""
        return np.flatnonzero(who & self.active)

    def seconds(self, n: int, first_hour: float = 7, last_hour: float = 22) -> Column:
        """Draw `n` seconds of the day between two hours."""
        return (self.looks.random(n) * (last_hour - first_hour) * 3600 + first_hour * 3600).astype(np.int64)

    def worry(self, who: Column, issue: IssueTruth, *, struck: bool) -> None:
        """Raise the hazard of leaving of the row numbers `who`, from next week on: signs began, or the trouble struck."""
        self.people.extra_next[who] += issue.extra_at_trouble if struck else issue.extra_at_signs


def ends_today(day: Column, today: Today) -> Column:
    """Return the row numbers whose `day` is today."""
    return np.flatnonzero(day == today.index)


def not_begun(began: Column) -> Column:
    """Return the mask of those in no episode."""
    return began == NEVER
