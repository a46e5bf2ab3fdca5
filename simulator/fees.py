"""Fees, and the trouble `fee_shock`: a dispute weeks after a fee was charged to someone who then used the service less."""

import numpy as np

from simulator import desk, payments
from simulator.people import NEVER, PLANS, REGIONS, Column
from simulator.today import Today, ends_today

FEE_STREAM = 8
FEE_CENTS = np.array([300, 500, 800])       # by plan


def introduced(index: int, every_days: int, seed: int) -> tuple[int, int] | None:
    """Return the (plan, region) for which a fee is introduced on a day, or None; each pair's turn comes once a round."""
    number, rest = divmod(index, every_days)
    if rest:
        return None
    pairs = len(PLANS) * len(REGIONS)
    turn, place = divmod(number, pairs)
    pair = np.random.default_rng([seed, FEE_STREAM, turn]).permutation(pairs)[place]
    return int(pair) // len(REGIONS), int(pair) % len(REGIONS)


def step(today: Today) -> None:
    """Introduce, charge and dispute what is due today."""
    _introduce(today)
    _charge(today)
    disputes = ends_today(today.people.fee_disputed, today)
    desk.open_tickets(today, "billing_dispute", disputes)
    today.worry(disputes, today.truth.issues.fee_shock, struck=True)


def _introduce(today: Today) -> None:
    people, rules = today.people, today.truth.fee
    pair = introduced(today.index, rules.every_days, today.seed)
    if pair is None:
        return
    charged = np.flatnonzero(today.here & (people.plan == pair[0]) & (people.region == pair[1]))
    people.fee_on[charged] = today.index + today.rng.integers(0, rules.charged_within, len(charged))


def _charge(today: Today) -> None:
    """Charge the fees due today; whom it hurts uses the service less from today, and some of them dispute it later."""
    people, rules = today.people, today.truth.fee
    charged = ends_today(people.fee_on, today)
    people.fee_on[charged] = NEVER
    shown = charged[today.active[charged]]
    today.sheets["billing"].add(payments.FEE, shown, today.seconds(len(shown), 3, 4), value=FEE_CENTS[people.plan[shown]])
    hurt = charged[today.rng.random(len(charged)) < rules.hurts]
    people.fee_began[hurt] = today.index
    people.fee_disputed[hurt] = np.where(today.rng.random(len(hurt)) < rules.strikes, today.index + _waits(today, hurt),
                                         NEVER)
    today.worry(hurt, today.truth.issues.fee_shock, struck=False)


def _waits(today: Today, who: Column) -> Column:
    """Draw the days from the charge to the dispute; use stays low until after it."""
    rules = today.truth.fee
    more = today.rng.gamma(2.0, rules.mean_more_days / 2, len(who)).astype(np.int32)
    return np.minimum(rules.least_days + more, rules.lasts_days)
