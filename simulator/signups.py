"""Signups, changes of plan and closed accounts: the dated facts about customers."""

import numpy as np

from simulator.people import PLANS
from simulator.today import DAY_SECONDS, Today
from simulator.truth import per_day

KINDS = ("signup", "plan_change", "closed")
SIGNUP, PLAN_CHANGE, CLOSED = range(len(KINDS))
SMALL_HOURS = 4 * 3600              # signups come before anything else the new customer does that day


def step(today: Today) -> None:
    """Write who signed up today, on the first day also everybody who did before, and who moved to another plan."""
    people = today.people
    new = np.flatnonzero((people.joined == today.index) | ((people.joined < 0) & (today.index == 0)))
    second = (people.joined[new].astype(np.int64) - today.index) * DAY_SECONDS + today.looks.integers(0, SMALL_HOURS, len(new))
    today.sheets["customers"].add(SIGNUP, new, second, tag=people.plan[new])
    moves = np.flatnonzero(today.chance(per_day(today.truth.population.plan_change)) & (people.joined < today.index))
    people.plan[moves] = (people.plan[moves] + today.rng.integers(1, len(PLANS), len(moves))) % len(PLANS)
    moves = moves[today.active[moves]]
    today.sheets["customers"].add(PLAN_CHANGE, moves, today.seconds(len(moves)), tag=people.plan[moves])
