"""Sessions, releases and errors, and the trouble `app_trouble`: a contact because things broke after a release.

Every fortnight a release goes out; some break things for customers on one kind of device. Their errors rise some
days to weeks before they call, or before things mend by themselves.
"""

import numpy as np

from simulator import desk
from simulator.people import DEVICES, NEVER, Column
from simulator.today import Today, not_begun
from simulator.truth import Truth, per_day

KINDS = ("session", "error")
SESSION, ERROR = range(len(KINDS))
MINUTES_LOG_MEAN, MINUTES_LOG_SPREAD = 2.6, 0.7     # about 13 minutes in the middle
RELEASE_STREAM = 7
BROKEN_DEVICE_SHARES = (0.5, 0.4, 0.1)


def bad_device(release: int, seed: int, truth: Truth) -> int:
    """Return the device for which `release` breaks things, as its number in DEVICES, or -1 for none."""
    block, place = divmod(release, 4)
    rng = np.random.default_rng([seed, RELEASE_STREAM, block])
    bad = rng.permutation(4)[: truth.app.bad_in_four]
    devices = rng.choice(len(DEVICES), size=4, p=BROKEN_DEVICE_SHARES)
    return int(devices[place]) if place in bad else -1


def release_name(release: int) -> str:
    """Return the version customers see for a release's number."""
    return f"{3 + release // 20}.{release % 20}"


def step(today: Today) -> None:
    """Make today's sessions, what releases they take up, and the errors."""
    uses = today.chance(_sessions_expected(today))
    _take_up(today, uses)
    _write_sessions(today, uses)
    _broken_spells(today)
    _write_errors(today)


def _use_times(today: Today) -> Column:
    """Return by how much a resented fee lowers each customer's use."""
    rules, began = today.truth.fee, today.people.fee_began
    resents = (began <= today.index) & (today.index < began + rules.lasts_days)
    return np.where(resents, rules.use_times, 1.0)


def _sessions_expected(today: Today) -> Column:
    people, rules = today.people, today.truth.telemetry
    starts = today.chance(per_day(rules.lull))
    people.lull_until[starts] = today.index + rules.lull_days
    lull = np.where(people.lull_until > today.index, rules.lull_times, 1.0)
    weekend = rules.weekend_times if today.on.weekday() >= 5 else 1.0
    return people.pace * lull * weekend * _use_times(today)


def _take_up(today: Today, uses: Column) -> None:
    """Let some of today's sessions install the newest release; a bad one breaks things for some on its device."""
    people, rules = today.people, today.truth.app
    newest = today.index // rules.release_every_days
    takes = uses & (people.version < newest) & today.chance(rules.takes_release)
    people.version[takes] = newest
    breaks = today.chance(rules.breaks) & takes & not_begun(people.app_began)
    breaks &= people.device == bad_device(newest, today.seed, today.truth)
    broken = np.flatnonzero(breaks)
    people.app_began[broken] = today.index
    people.app_ends[broken] = today.index + rules.least_days + today.rng.gamma(
        2.0, rules.mean_more_days / 2, len(broken)).astype(np.int32)
    people.app_strikes[broken] = today.rng.random(len(broken)) < rules.strikes
    today.worry(broken, today.truth.issues.app_trouble, struck=False)


def _broken_spells(today: Today) -> None:
    """End the spells that end today, half of them with a contact."""
    people = today.people
    ends = people.app_ends == today.index
    struck = np.flatnonzero(ends & people.app_strikes)
    desk.open_tickets(today, "app_broken", struck)
    today.worry(struck, today.truth.issues.app_trouble, struck=True)
    people.app_began[ends] = NEVER
    people.app_ends[ends] = NEVER


def _write_sessions(today: Today, uses: Column) -> None:
    """Write the sessions; a few customers were offline and report theirs days late."""
    who = today.shown(uses)
    n = len(who)
    late = today.looks.random(n) < today.truth.telemetry.offline_share
    days_late = np.where(late, today.looks.integers(1, 7, n), 0)
    days_late = np.minimum(days_late, today.index - np.maximum(today.people.joined[who], 0))
    minutes = np.exp(today.looks.normal(MINUTES_LOG_MEAN, MINUTES_LOG_SPREAD, n)) * _use_times(today)[who]
    second = today.seconds(n, 6, 22) - days_late * 86_400
    today.sheets["telemetry"].add(SESSION, who, second, value=np.minimum(minutes, 90).round(1),
                                  tag=today.people.version[who])


def _write_errors(today: Today) -> None:
    people = today.people
    broken = people.app_began != NEVER
    errors = today.chance(np.where(broken, today.truth.app.errors_per_day, today.truth.telemetry.background_errors))
    who = today.shown(errors)
    today.sheets["telemetry"].add(ERROR, who, today.seconds(len(who), 6, 22), tag=people.version[who])
