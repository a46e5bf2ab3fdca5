"""Invoices, payments, cards that expire, and the trouble `payment_failing`: service suspended after failed payments.

Signs come first: a notice that the card expires (weeks before), then failed payments (about thirteen days before).
"""

import numpy as np

from simulator.people import NEVER, PLAN_CENTS, Column
from simulator.today import Today, ends_today, not_begun

KINDS = ("invoice_issued", "payment_succeeded", "payment_failed", "card_expiring_notice", "card_updated",
         "service_suspended", "service_restored", "fee_charged", "subscription_cancelled")
INVOICE, PAID, FAILED, NOTICE, CARD, SUSPENDED, RESTORED, FEE, CANCELLED = range(len(KINDS))
RESTORED_AFTER_DAYS = 5
MORNING = 5 * 3600                  # invoices are charged from five o'clock on


def step(today: Today) -> None:
    """Make today's cards, retries and invoices."""
    _expiring_cards(today)
    _episodes(today)
    _invoices(today)


def price_cents(today: Today, who: Column) -> Column:
    """Return what an invoice of each row number of `who` comes to."""
    people = today.people
    return PLAN_CENTS[people.plan[who]] * np.where(people.yearly[who], 10, 1)


def _expiring_cards(today: Today) -> None:
    people, rules = today.people, today.truth.payment
    noticed = ends_today(people.card_expires - rules.notice_days, today)
    in_time = today.rng.random(len(noticed)) < rules.renewed_in_time
    renewed = today.index + today.rng.integers(1, rules.notice_days, len(noticed))
    people.card_renewed[noticed] = np.where(in_time, renewed, NEVER)
    _write(today, NOTICE, noticed)
    _new_card(today, ends_today(people.card_renewed, today))


def _episodes(today: Today) -> None:
    """Retry, suspend or settle what failed before, and restore those suspended some days ago."""
    people, rules = today.people, today.truth.payment
    running = people.pay_began != NEVER
    for after in rules.retry_days:
        _write(today, FAILED, np.flatnonzero(running & (people.pay_began + after == today.index)
                                             & (people.pay_ends > today.index)), price=True)
    at_end = running & (people.pay_ends == today.index)
    suspended = np.flatnonzero(at_end & people.pay_strikes)
    _write(today, SUSPENDED, suspended)
    today.worry(suspended, today.truth.issues.payment_failing, struck=True)
    restored = np.flatnonzero(running & people.pay_strikes & (people.pay_ends + RESTORED_AFTER_DAYS == today.index))
    _write(today, RESTORED, restored)
    _settle(today, np.concatenate([restored, np.flatnonzero(at_end & ~people.pay_strikes)]))


def _settle(today: Today, who: Column) -> None:
    """Close the episodes of `who`: a dead card is replaced, the open invoice is paid."""
    people = today.people
    _new_card(today, who[people.card_expires[who] <= today.index])
    _write(today, PAID, who, price=True)
    people.pay_began[who] = NEVER
    people.pay_ends[who] = NEVER


def _invoices(today: Today) -> None:
    """Charge the invoices due today; a failed charge begins an episode whose end is drawn now."""
    people, rules = today.people, today.truth.payment
    month = ~people.yearly | (people.bill_month == today.on.month)
    due = today.here & (people.bill_day == today.on.day) & month & not_begun(people.pay_began)
    dead = people.card_expires <= today.index
    fails = due & (dead | today.chance(np.where(people.short, rules.short_fails, rules.other_fails)))
    strikes = today.chance(np.where(dead, rules.dead_card_strikes, rules.short_strikes))
    _write(today, INVOICE, np.flatnonzero(due), price=True)
    _write(today, PAID, np.flatnonzero(due & ~fails), price=True)
    failed = np.flatnonzero(fails)
    _write(today, FAILED, failed, price=True)
    people.pay_began[failed] = today.index
    people.pay_strikes[failed] = strikes[failed]
    people.pay_ends[failed] = today.index + _lasts(today, strikes[failed])
    today.worry(failed, today.truth.issues.payment_failing, struck=False)


def _lasts(today: Today, strikes: Column) -> Column:
    """Draw the days from the first failure to suspension, or to the retry that succeeds."""
    rules, n = today.truth.payment, len(strikes)
    suspended = rules.suspended_from_days + today.rng.integers(0, 6, n)
    paid = np.asarray(rules.retry_days)[today.rng.integers(0, len(rules.retry_days), n)]
    return np.where(strikes, suspended, paid)


def _new_card(today: Today, who: Column) -> None:
    today.people.card_expires[who] = today.index + today.truth.payment.card_lasts_days
    today.people.card_renewed[who] = NEVER
    _write(today, CARD, who)


def _write(today: Today, kind: int, who: Column, *, price: bool = False) -> None:
    who = who[today.active[who]]
    cents = price_cents(today, who) if price else np.nan
    hour = kind / 10                # an invoice comes before its payment, a failed payment before the suspension
    today.sheets["billing"].add(kind, who, MORNING + (hour * 3600 + today.looks.random(len(who)) * 300).astype(np.int64),
                                value=cents)
