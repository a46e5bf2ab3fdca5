"""The made company's customers as columns of numbers: one NumPy array a fact, one row a customer, in the order they joined."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.truth import DAYS_A_MONTH, Truth

Column = NDArray[Any]

NEVER = 2**30                       # a day that does not come
PLANS = ("basic", "plus", "family")
PLAN_SHARES = (0.50, 0.35, 0.15)
PLAN_CENTS = np.array([900, 1500, 2400])
DEVICES = ("ios", "android", "web")
DEVICE_SHARES = (0.45, 0.40, 0.15)
REGIONS = ("north", "west", "south", "east")
REGION_SHARES = (0.25, 0.30, 0.25, 0.20)
LANGUAGES = ("en", "de")
LANGUAGE_SHARES = (0.7, 0.3)
EARLIEST_SIGNUP_DAYS = 1400         # how long ago the first of the starting customers may have signed up


@dataclass
class People:
    """Every customer who ever joined. Days are counted from the calendar's first, which is day 0; hazards are weekly.

    What happens to someone goes on unseen after they left, so that both potential outcomes of a message are known.
    """

    joined: Column                  # day; negative for those who were there at the start
    left: Column                    # day, or NEVER
    plan: Column
    yearly: Column                  # pays once a year
    region: Column
    device: Column
    language: Column
    bill_day: Column                # of the month, 1 to 28
    bill_month: Column              # 1 to 12, for those who pay yearly
    pace: Column                    # sessions a day when nothing is wrong
    lull_until: Column              # day until which use is low for no reason
    base: Column                    # hazard of leaving without trouble
    extra: Column                   # hazard from signs and troubles so far, fading
    extra_next: Column              # hazard from this week's signs and troubles, counted from next week
    spent: Column                   # hazard lived through, messages included
    patience: Column                # they leave on the day when `spent` reaches it
    card_expires: Column            # day
    card_renewed: Column            # day on which the card is renewed before it expires, or NEVER
    short: Column                   # now and then short of money
    pay_began: Column               # day of the episode's first failed payment, or NEVER
    pay_ends: Column                # day on which it is paid or suspended
    pay_strikes: Column
    version: Column                 # number of the release in use
    app_began: Column               # day of the broken spell's beginning, or NEVER
    app_ends: Column
    app_strikes: Column
    fee_on: Column                  # day on which an introduced fee is charged, or NEVER
    fee_began: Column               # day of the last charge that hurt, or NEVER
    fee_disputed: Column            # day of the dispute, or NEVER
    ordered: Column                 # day of the last order, or NEVER
    order_no: Column
    order_cents: Column

    def __len__(self) -> int:
        """Return how many ever joined."""
        return len(self.joined)

    def and_also(self, others: "People") -> "People":
        """Return these customers followed by `others`."""
        return People(*(np.concatenate([getattr(self, f.name), getattr(others, f.name)]) for f in fields(self)))

    def frame(self) -> pl.DataFrame:
        """Return the columns as a frame, to be saved."""
        return pl.DataFrame({f.name: getattr(self, f.name) for f in fields(self)})


def from_frame(frame: pl.DataFrame) -> People:
    """Return the customers saved by `People.frame`."""
    return People(**{f.name: frame[f.name].to_numpy().copy() for f in fields(People)})


def newcomers(joined: Column, truth: Truth, rng: np.random.Generator) -> People:
    """Draw the customers who join on the days `joined`."""
    n = len(joined)
    yearly = rng.random(n) < truth.population.yearly_share
    pace = np.exp(rng.normal(0, truth.telemetry.pace_spread, n) - truth.telemetry.pace_spread**2 / 2)
    base = truth.leaving.base * np.where(yearly, truth.leaving.yearly_times, 1.0) * 7 / DAYS_A_MONTH
    seen = np.maximum(joined, 0)    # a card that would have expired before we saw the customer was renewed
    first = truth.payment.notice_days + 1
    whole = np.full(n, NEVER, dtype=np.int32)
    return People(
        joined=joined.astype(np.int32), left=whole.copy(), yearly=yearly,
        plan=_one_of(PLAN_SHARES, n, rng), region=_one_of(REGION_SHARES, n, rng),
        device=_one_of(DEVICE_SHARES, n, rng), language=_one_of(LANGUAGE_SHARES, n, rng),
        bill_day=rng.integers(1, 29, n).astype(np.int8), bill_month=rng.integers(1, 13, n).astype(np.int8),
        pace=np.minimum(truth.telemetry.sessions_per_day * pace, 0.95), lull_until=np.full(n, -1, dtype=np.int32),
        base=base, extra=np.zeros(n), extra_next=np.zeros(n), spent=np.zeros(n), patience=rng.exponential(1.0, n),
        card_expires=(seen + first + rng.integers(0, truth.payment.card_lasts_days, n)).astype(np.int32),
        card_renewed=whole.copy(), short=rng.random(n) < truth.payment.short_share,
        pay_began=whole.copy(), pay_ends=whole.copy(), pay_strikes=np.zeros(n, dtype=bool),
        version=(seen // truth.app.release_every_days).astype(np.int16),
        app_began=whole.copy(), app_ends=whole.copy(), app_strikes=np.zeros(n, dtype=bool),
        fee_on=whole.copy(), fee_began=whole.copy(), fee_disputed=whole.copy(),
        ordered=whole.copy(), order_no=np.zeros(n, dtype=np.int64), order_cents=np.zeros(n, dtype=np.int32),
    )


def at_the_start(customers: int, truth: Truth, rng: np.random.Generator) -> People:
    """Draw the customers who were there before the first day, of every standing, in order of their signup."""
    return newcomers(np.sort(rng.integers(-EARLIEST_SIGNUP_DAYS, 0, customers)), truth, rng)


def joining_in_week(week: int, customers: int, truth: Truth, rng: np.random.Generator) -> People:
    """Draw the customers who join in one week of a company that had `customers` at the start."""
    n = rng.poisson(customers * truth.population.joining_per_month * 7 / DAYS_A_MONTH)
    return newcomers(np.sort(rng.integers(week * 7, week * 7 + 7, n)), truth, rng)


def _one_of(shares: tuple[float, ...], n: int, rng: np.random.Generator) -> Column:
    return np.searchsorted(np.cumsum(shares), rng.random(n)).clip(max=len(shares) - 1).astype(np.int8)
