"""The most that anybody could know: each customer's true chance that a trouble strikes in a window, given how far its signs are.

It sees what is hidden from every source (whose things are broken, who resents a fee, who is short of money, whose card
nobody will renew in time) but no draw that is still to come. Chances follow from truth.toml alone.
"""

from datetime import date, timedelta

import numpy as np

from simulator.people import NEVER, Column, People
from simulator.truth import Truth, per_day


def chances(index: int, on: date, people: People, truth: Truth, *, gap: int, horizon: int) -> dict[str, Column]:
    """Return per issue each customer's chance of a strike on the days index + gap up to index + gap + horizon, not included."""
    window = (gap, gap + horizon)
    return {
        "payment_failing": _payment(index, on, people, truth, window),
        "app_trouble": _app(index, people, truth, window),
        "fee_shock": _fee(index, people, truth, window),
        "sudden_call": np.full(len(people), 1 - (1 - per_day(truth.sudden.calls)) ** horizon),
    }


def _app(index: int, people: People, truth: Truth, window: tuple[int, int]) -> Column:
    """Broken: the spell ends in the window, and by a contact; well: those who use the app more meet bad releases sooner."""
    rules, since = truth.app, _since(people.app_began, index)
    broken = (since > 0) & (people.app_ends >= index)
    ends = _lasting(since + window[0], since + window[1], rules.least_days, rules.mean_more_days)
    known = rules.strikes * ends / _lasting(since, np.inf, rules.least_days, rules.mean_more_days)
    return np.where(broken, known, 1e-4 * people.pace)


def _fee(index: int, people: People, truth: Truth, window: tuple[int, int]) -> Column:
    """Resenting: the dispute's waiting time falls into the window, given that it has not come yet; disputed: it will not."""
    rules, since = truth.fee, _since(people.fee_began, index)
    waits = (since > 0) & (since <= rules.lasts_days) & (people.fee_disputed >= index)
    last = rules.lasts_days + 1
    come = _lasting(np.minimum(since + window[0], last), np.minimum(since + window[1], last), rules.least_days, rules.mean_more_days)
    late = _lasting(since, np.inf, rules.least_days, rules.mean_more_days)
    at_last = (since + window[0] <= rules.lasts_days) & (rules.lasts_days < since + window[1])  # longer waits are cut off there
    come = come + at_last * _lasting(last, np.inf, rules.least_days, rules.mean_more_days)
    known = rules.strikes * come / (rules.strikes * late + 1 - rules.strikes)
    return np.where(waits, known, 1e-4)


def _payment(index: int, on: date, people: People, truth: Truth, window: tuple[int, int]) -> Column:
    """Failing: suspended in the window, given that no retry has worked yet; else the next invoice may fail and lead there."""
    rules = truth.payment
    since = _since(people.pay_began, index)
    failing = (since > 0) & (people.pay_ends >= index)
    dead = people.card_expires <= people.pay_began
    strikes = np.where(dead, rules.dead_card_strikes, rules.short_strikes)
    goes_on = np.mean([since <= after for after in rules.retry_days], axis=0)
    still = _suspended(since, np.full(len(since), NEVER), truth)
    known = strikes * _suspended(since + window[0], since + window[1], truth) / np.maximum(
        strikes * still + (1 - strikes) * goes_on, 1e-9)  # fmt: skip
    return np.where(failing, known, _next_invoice(index, on, people, truth, window))


def _next_invoice(index: int, on: date, people: People, truth: Truth, window: tuple[int, int]) -> Column:
    rules, due = truth.payment, days_until_invoice(on, people)
    left = people.card_expires - index
    noticed = left < rules.notice_days
    later = np.clip((left - 1) / (rules.notice_days - 1), 0, 1)     # share of renewals in time that are still to come
    lapses = (1 - rules.renewed_in_time) / (1 - rules.renewed_in_time + rules.renewed_in_time * later)
    dead = np.where(noticed & (left <= due), np.where(left <= 0, 1.0, lapses), 0.0)
    fails = np.where(people.short, rules.short_fails, rules.other_fails)
    chance = dead * rules.dead_card_strikes + (1 - dead) * fails * rules.short_strikes
    return chance * _suspended(window[0] - due, window[1] - due, truth)


def days_until_invoice(on: date, people: People) -> Column:
    """Return the days from `on` (0: on that very day) until each customer's next invoice."""
    days = [on + timedelta(days=n) for n in range(366)]
    code = np.array([day.month * 100 + day.day for day in days])
    found = np.zeros(len(people), dtype=np.int64)
    for bill_day in range(1, 29):
        mine = people.bill_day == bill_day
        found[mine] = int(np.argmax(code % 100 == bill_day))
        for month in range(1, 13):
            found[mine & people.yearly & (people.bill_month == month)] = int(np.argmax(code == month * 100 + bill_day))
    return found


def _suspended(first: Column, last: Column, truth: Truth) -> Column:
    """Return the chance that a suspension, on one of six days after the first failure, comes from `first` to before `last`."""
    days = truth.payment.suspended_from_days + np.arange(6)
    return np.mean([(first <= day) & (day < last) for day in days], axis=0)


def _lasting(first: Column | int, last: Column | float, least: int, mean_more: float) -> Column:
    """Return the chance that least + floor(a gamma of shape 2) comes from `first` to before `last`."""
    from scipy.stats import gamma

    return np.asarray(gamma.sf(np.asarray(first) - least, 2, scale=mean_more / 2) - gamma.sf(np.asarray(last) - least, 2, scale=mean_more / 2))


def _since(began: Column, index: int) -> Column:
    """Return the days since something began; 0 where it has not."""
    return np.where(began < index, index - began, 0).astype(np.int64)
