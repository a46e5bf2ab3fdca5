"""Add-ons ordered, and those corrected or voided two days later under the same order number."""

import numpy as np

from simulator.today import DAY_SECONDS, Today, ends_today
from simulator.truth import per_day

KINDS = ("ordered", "corrected", "voided")
ORDERED, CORRECTED, VOIDED = range(len(KINDS))
ITEMS = ("storage_pack", "guest_seat", "course", "gift_card")
ITEM_CENTS = np.array([490, 790, 1990, 2500])
CORRECTED_AFTER_DAYS = 2


def step(today: Today) -> None:
    """Make today's orders and corrections."""
    _correct(today)
    people, rules = today.people, today.truth.purchases
    keen = np.sqrt(people.pace / today.truth.telemetry.sessions_per_day)
    who = np.flatnonzero(today.chance(per_day(rules.orders) * keen))
    item = today.rng.integers(0, len(ITEMS), len(who))
    times = today.rng.integers(1, 4, len(who))
    people.ordered[who] = today.index
    people.order_no[who] = (today.index * 10_000_000 + who.astype(np.int64)) * 10 + item
    people.order_cents[who] = ITEM_CENTS[item] * times
    shown = today.active[who]
    _write(today, ORDERED, who[shown])


def item_of(order_no: np.ndarray) -> np.ndarray:
    """Return the item's number in ITEMS; an order's number ends in it."""
    return order_no % 10


def _correct(today: Today) -> None:
    """Mend the price of some orders of two days ago, and void others: the same order comes again."""
    people, rules = today.people, today.truth.purchases
    due = ends_today(people.ordered + CORRECTED_AFTER_DAYS, today)
    due = due[today.active[due]]
    tossed = today.looks.random(len(due))
    wrong = due[tossed < rules.corrected]
    people.order_cents[wrong] = (people.order_cents[wrong] * 0.9).astype(np.int32)
    _write(today, CORRECTED, wrong)
    _write(today, VOIDED, due[(tossed >= rules.corrected) & (tossed < rules.corrected + rules.voided)])


def _write(today: Today, kind: int, who: np.ndarray) -> None:
    """Write orders with the second at which they were first made, which their number tells."""
    people = today.people
    number = people.order_no[who]
    second = 7 * 3600 + number * 7919 % (15 * 3600) + (people.ordered[who].astype(np.int64) - today.index) * DAY_SECONDS
    today.sheets["purchases"].add(kind, who, second, value=people.order_cents[who], tag=number)
