"""Who leaves and when, and what messages change about it: the only place where outreach touches the made company.

A customer's hazard of leaving in week w is h(w); it depends on nothing we do. A message of an issue multiplies the
daily hazard h(w) / 7 from the day after it was accepted. The chance still to be there after some days is
exp(-sum of hazard x multipliers), which is how both potential outcomes are known exactly.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulator import payments, signups
from simulator.people import NEVER, Column, People
from simulator.today import Today
from simulator.truth import Truth


def weekly_hazard(people: People) -> Column:
    """Return each customer's hazard of leaving this week when nobody says anything."""
    return (people.base + people.extra).astype(np.float32)


def begin_week(people: People, truth: Truth) -> None:
    """Let earlier worries fade and add those of the week before."""
    people.extra *= np.exp(-1 / truth.leaving.fade_weeks)
    people.extra += people.extra_next
    people.extra_next[:] = 0


def times(days_since: Column, hazard_times: float, fades_days: float) -> Column:
    """Return by what a message multiplies the hazard so many days after it; infinitely many days are no message."""
    return 1 - (1 - hazard_times) * np.exp(-days_since / fades_days)


@dataclass
class Accepted:
    """The messages accepted so far, in order: row number, issue and instant (days since the first day, 00:00 UTC)."""

    frame: pl.DataFrame             # who, issue, day (Float64), sorted by day; only issues that change anything
    truth: Truth
    taken: int = 0

    def __post_init__(self) -> None:
        """Start with nobody told anything."""
        self.who, self.days = self.frame["who"].to_numpy(), self.frame["day"].to_numpy()
        self.issues = self.frame["issue"].to_numpy()
        self.latest: dict[str, Column] = {}

    def hazard_times(self, index: int, customers: int) -> Column:
        """Return everybody's multiplier on day `index`; ask for one day after the other."""
        until = int(np.searchsorted(self.days, index, side="left"))
        for issue in set(self.issues[self.taken : until]):
            here = np.flatnonzero(self.issues[self.taken : until] == issue) + self.taken
            latest = self._latest(issue, customers)
            np.maximum.at(latest, self.who[here], self.days[here])
        self.taken = until
        product = np.ones(customers)
        for issue in sorted(self.latest):
            since = index - self._latest(issue, customers)
            product *= times(since, self.truth.effects[issue].hazard_times, self.truth.message.fades_days)
        return product

    def _latest(self, issue: str, customers: int) -> Column:
        known = self.latest.get(issue, np.empty(0))
        self.latest[issue] = np.concatenate([known, np.full(customers - len(known), -np.inf)])
        return self.latest[issue]


def step(today: Today, hazard_times: Column) -> None:
    """Use up a day of everybody's patience; who has none left cancels today and is seen no more."""
    people = today.people
    there = (people.joined < today.index) & (people.left == NEVER)
    people.spent[there] += (weekly_hazard(people) / 7.0 * hazard_times)[there]
    leaves = np.flatnonzero(there & (people.spent >= people.patience))
    people.left[leaves] = today.index
    second = today.seconds(len(leaves))
    today.sheets["billing"].add(payments.CANCELLED, leaves, second)
    today.sheets["customers"].add(signups.CLOSED, leaves, second, tag=people.plan[leaves])
