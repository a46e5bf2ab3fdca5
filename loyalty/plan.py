"""Before anybody is contacted: how many units a reading needs, how long that takes, and when each horizon can be read."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl
from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from core.clock import add_months, moment_after
from core.settings import Settings
from ledger.database import sessions
from ledger.flags import Flag
from ledger.measures import Measure
from loyalty.outcomes import configured, unit_outcomes
from loyalty.readable import data_cut, settled
from loyalty.row import DELAY, DISCONTINUITY, HOLD_OUT, HOURS
from loyalty.size import Size, power_of, sd_of_moved_rate, sd_of_rate, smallest_effect, units_needed
from loyalty.units import HORIZONS_MONTHS, UNITS, windows
from loyalty.wording import amount, count

LOOK_BACK_DAYS = 84
LONGEST_MONTHS = 36         # of enrolment; longer is never
LEAST_PAST = 100            # units whose outcome is known, to learn a base rate from
HALF = 0.5
WORST_RATE = 0.5            # of a yes or no, where nothing is known
WORST_SAID = f"nothing yet, as fewer than {LEAST_PAST} past flags have had their {{time}}: the widest a yes or no can be is taken"
DAYS_A_MONTH = 30.4375


@dataclass(frozen=True)
class Base:
    """What is known of an outcome before anybody is contacted: its mean, its spread, and what remains after the variance cut."""

    mean: float | None
    sd: float
    sd_after_cut: float
    based_on: str
    yes_or_no: bool = False

    def sd_contacted(self, effect: float) -> float:
        """Return the spread after the cut of those contacted, where the effect is there, in the direction that spreads it more."""
        if not self.yes_or_no or self.mean is None:
            return self.sd_after_cut
        return self.sd_after_cut * max(sd_of_moved_rate(self.mean, effect) / self.sd, 1.0)


def enrolment(
    settings: Settings, issue: str, *, day: date, share: float = 0.5, measure: Mapping[str, Any] | None = None,
    instead: bool = False,
) -> dict[str, Any]:
    """Say from past volume how long units of `issue` must be drawn and when each horizon can be read, as of `day`.

    `measure` is the playbook's, where none is frozen yet, or `instead` of it. `why` says why there is no plan: never at this volume, or unknown.
    """
    with sessions(settings)() as session:
        weekly = _units_a_week(session, issue, day)
        everywhere = _units_a_week(session, None, day)
        frozen = session.scalar(select(Measure).where(Measure.issue == issue).order_by(Measure.frozen_at.desc()).limit(1))
        promise = frozen.measure if frozen and not instead else dict(measure or {})
        base = _base(settings, session, issue, promise, day)
    design = promise.get("design", HOLD_OUT)
    facts: dict[str, Any] = {"issue": issue, "design": design, "outcome": promise.get("outcome"), "horizon_months": promise.get("horizon_months"),
                             "promise_hours": promise.get("promise_hours"),
                             "units_a_week": weekly, "share": share, "base_rate": base.mean, "sd": base.sd_after_cut,
                             "based_on": base.based_on}  # fmt: skip
    effect = promise.get("smallest_effect")
    if not effect:
        return facts | {"why": "its playbook has no measure with a smallest effect yet: one is frozen at the first assignment"}
    if design == DISCONTINUITY:
        return facts | {"why": "at a threshold it depends on how densely scores lie there, which only the first readings show: each says the "
                               "smallest effect it could have seen. Count on several times the units that holding out would need"}
    size = units_needed(sd=base.sd_after_cut, effect=float(effect), share=share, sd_contacted=base.sd_contacted(float(effect)))
    facts |= {"smallest_effect": effect, "needs_contact": size.contact, "needs_hold_out": size.hold_out}
    if not weekly:
        never = f"no flags in the last {LOOK_BACK_DAYS} days: never at this volume. Pool issues, or widen the issue"
        return facts | {"why": never}
    return facts | _time_it_takes(settings, size, facts, everywhere=everywhere, day=day)


def _time_it_takes(settings: Settings, size: Size, facts: Mapping[str, Any], *, everywhere: float, day: date) -> dict[str, Any]:
    """Return months of enrolment and the day of each horizon, or never with what would help."""
    weekly, sd = facts["units_a_week"], facts["sd"]
    months = size.units / weekly * 7 / DAYS_A_MONTH
    found: dict[str, Any] = {"months": round(months, 1)}
    if months > LONGEST_MONTHS:
        return found | {"why": _never(settings, months, facts, everywhere)}
    enrolled_on = day + timedelta(weeks=math.ceil(size.units / weekly))
    settle = timedelta(days=settings.loyalty.settle_days)
    horizons = (HOURS,) if facts["design"] == DELAY else HORIZONS_MONTHS
    readable = {months: (add_months(enrolled_on, months) + settle).isoformat() for months in horizons}
    year = Size(*(max(2, round(weekly * 52 * part)) for part in (1 - facts["share"], facts["share"])))
    return found | {"enrolled_on": enrolled_on.isoformat(), "readable_from": readable,
                    "seen_after_a_year": smallest_effect(year, sd=sd), "power_after_a_year":
                    power_of(year, sd=sd, effect=float(facts["smallest_effect"]))}  # fmt: skip


def _never(settings: Settings, months: float, facts: Mapping[str, Any], everywhere: float) -> str:
    """Say that it takes too long, how long it would take with half held out and with all issues pooled, and what would be seen in time."""
    half = units_needed(sd=facts["sd"], effect=float(facts["smallest_effect"]), share=0.5).units
    with_half, pooled = (half / weekly * 7 / DAYS_A_MONTH for weekly in (facts["units_a_week"], everywhere))
    weeks = LONGEST_MONTHS * DAYS_A_MONTH / 7
    in_time = Size(*(max(2, round(facts["units_a_week"] * weeks * part)) for part in (1 - facts["share"], facts["share"])))
    seen = amount(settings, facts["outcome"], smallest_effect(in_time, sd=facts["sd"]), signed=True)
    ways = (f"Pool: {pooled:,.0f} months with all issues pooled" if facts["share"] == HALF else
            f"Pool, or raise the share: {with_half:,.0f} months with half held out, {pooled:,.0f} with all issues pooled as well")  # fmt: skip
    return (f"never at this volume: {months:,.0f} months of enrolment, more than {LONGEST_MONTHS}. {ways}. "
            f"In {LONGEST_MONTHS} months {seen} would be seen four times in five")  # fmt: skip


def _units_a_week(session: Session, issue: str | None, day: date) -> float:
    """Return how many customers were newly flagged a week, replayed days included: they show the volume as well."""
    first = day - timedelta(days=LOOK_BACK_DAYS - 1)
    counted = select(func.count(distinct(Flag.customer_id))).where(Flag.day.between(first, day))
    if issue is not None:
        counted = counted.where(Flag.issue == issue)
    return float(session.scalar(counted) or 0) / (LOOK_BACK_DAYS / 7)


def _base(settings: Settings, session: Session, issue: str, promise: Mapping[str, Any], day: date) -> Base:
    """Learn the outcome's mean and spread from past flags whose horizon has passed, contacted or not."""
    outcome, months = promise.get("outcome", "retained"), promise.get("horizon_months", 6)
    worst = Base(None, sd_of_rate(WORST_RATE), sd_of_rate(WORST_RATE), WORST_SAID.format(time=count(months, "month")))
    if outcome not in configured(settings) or promise.get("design") == DELAY:
        return worst
    past = _past(settings, session, issue, months, day)
    if len(past) < LEAST_PAST:
        return worst
    values = unit_outcomes(settings, session, past, before=moment_after(day), only=(outcome,))
    if outcome == "revenue" and promise.get("cap") is not None:
        values = values.with_columns(pl.min_horizontal(name, pl.lit(promise["cap"])).alias(name) for name in ("value", "covariate"))
    sd = float(values["value"].std() or 0)  # type: ignore[arg-type]
    if not sd > 0:
        return worst
    explained = values.select(pl.corr("value", "covariate")).item() if values["covariate"].null_count() == 0 else None
    rest = math.sqrt(1 - explained**2) if explained is not None and math.isfinite(explained) else 1.0
    mean = float(values["value"].mean())  # type: ignore[arg-type]
    return Base(mean, sd, sd * rest, f"{len(past):,} past flags whose {months} month{'s' if months > 1 else ''} have passed",
                yes_or_no=bool(values["value"].is_in([0.0, 1.0]).all()))  # fmt: skip


def _past(settings: Settings, session: Session, issue: str, months: int, day: date) -> pl.DataFrame:
    """Return the windows of each customer's first flag of the issue, of those whose horizon has passed by `day`."""
    first = select(Flag.id, Flag.customer_id, Flag.day).distinct(Flag.customer_id).where(
        Flag.issue == issue, Flag.day <= day).order_by(Flag.customer_id, Flag.day)  # fmt: skip
    rows = [(number, issue, customer, customer, "hold_out", 0.5, _morning_after(on), on)
            for number, customer, on in session.execute(first)]  # fmt: skip
    units = pl.DataFrame(rows, schema=UNITS, orient="row").with_columns(pl.col("assigned_at").dt.date().alias("starts_on"))
    spread, cut = windows(units), data_cut(settings, day)
    return spread.filter(pl.col("horizon_months") == months, settled(pl.col("ends_on"), cut) <= pl.lit(cut.closed_before))


def _morning_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), moment_after(day).tzinfo)
