"""Before anybody is contacted: how many units a reading needs, what a number of units can see, and by when."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from core.clock import add_months
from core.settings import Settings
from ledger.database import sessions
from ledger.flags import Flag
from ledger.measures import Measure
from loyalty.effect import CONFIDENCE, POWER, power_to_see
from loyalty.readable import POOLED
from loyalty.reading import as_row, latest
from loyalty.units import HORIZONS_MONTHS

LOOK_BACK_DAYS = 84
WORST_SD = 0.5              # of a yes or no, at a base rate of one half


@dataclass(frozen=True)
class Size:
    """How many units each arm needs."""

    contact: int
    hold_out: int

    @property
    def units(self) -> int:
        """Both arms together."""
        return self.contact + self.hold_out


def sd_of_rate(rate: float) -> float:
    """Return the standard deviation of a yes-or-no outcome with this base rate."""
    return math.sqrt(rate * (1 - rate))


def units_needed(*, sd: float, effect: float, share: float = 0.5, power: float = POWER) -> Size:
    """Return the units that find a true difference of `effect` with `power` at 5 %, two-sided, `share` of them held out.

    Closed form: (z_0.975 + z_power)^2 * sd^2 / effect^2 * (1 / share + 1 / (1 - share)), plus z_0.975^2 / 2 for the t test
    (Guenther 1981), spread over the arms by share.
    """
    from scipy.special import ndtri

    if not 0 < share < 1 or effect == 0:
        raise ValueError(f"units_needed: share {share} and effect {effect} compare nothing. Give 0 < share < 1 and an effect.")
    critical = ndtri((1 + CONFIDENCE) / 2)
    units = ((critical + ndtri(power)) * sd / effect) ** 2 * (1 / share + 1 / (1 - share)) + critical**2 / 2
    return Size(contact=math.ceil(units * (1 - share)), hold_out=math.ceil(units * share))


def power_of(size: Size, *, sd: float, effect: float) -> float:
    """Return the chance that arms of these sizes show a true difference of `effect`."""
    se = sd * math.sqrt(1 / size.contact + 1 / size.hold_out)
    return float(power_to_see(effect, np.array([se]), np.array([size.units - 2.0]))[0])


def smallest_effect(size: Size, *, sd: float, power: float = POWER) -> float:
    """Return the difference that arms of these sizes show with `power`."""
    from scipy.special import stdtrit

    df = size.units - 2.0
    return float((stdtrit(df, (1 + CONFIDENCE) / 2) + stdtrit(df, power)) * sd * math.sqrt(1 / size.contact + 1 / size.hold_out))


def enrolment(settings: Settings, issue: str, *, day: date, share: float = 0.5) -> dict[str, Any]:
    """Say from past volume how long units of `issue` must be drawn and when each horizon can be read, as of `day`."""
    with sessions(settings)() as session:
        weekly = _units_a_week(session, issue, day)
        measure = session.scalar(select(Measure).where(Measure.issue == issue).order_by(Measure.frozen_at.desc()).limit(1))
        sd, based_on = _spread(session, issue, measure.measure if measure else {})
    facts: dict[str, Any] = {"issue": issue, "units_a_week": weekly, "share": share, "sd": sd, "based_on": based_on}
    effect = measure.measure.get("smallest_effect") if measure else None
    if not effect:
        return facts | {"why": "its playbook has no measure with a smallest effect yet: one is frozen at the first assignment"}
    size = units_needed(sd=sd, effect=float(effect), share=share)
    facts |= {"smallest_effect": effect, "needs_contact": size.contact, "needs_hold_out": size.hold_out}
    if not weekly:
        never = f"no flags in the last {LOOK_BACK_DAYS} days: never at this volume. Pool issues, or widen the issue"
        return facts | {"why": never}
    enrolled_on = day + timedelta(weeks=math.ceil(size.units / weekly))
    settle = timedelta(days=settings.loyalty.settle_days)
    readable = {months: (add_months(enrolled_on, months) + settle).isoformat() for months in HORIZONS_MONTHS}
    return facts | {"enrolled_on": enrolled_on.isoformat(), "readable_from": readable}


def _units_a_week(session: Session, issue: str, day: date) -> float:
    """Return how many customers were newly flagged a week, replayed days included: they show the volume as well."""
    first = day - timedelta(days=LOOK_BACK_DAYS - 1)
    counted = select(func.count(distinct(Flag.customer_id))).where(Flag.issue == issue, Flag.day.between(first, day))
    return float(session.scalar(counted) or 0) / (LOOK_BACK_DAYS / 7)


def _spread(session: Session, issue: str, measure: dict[str, Any]) -> tuple[float, str]:
    """Return the outcome's standard deviation from the issue's own pooled reading, else the widest a yes or no can have."""
    wanted = (issue, POOLED, measure.get("outcome", "retained"))
    for row in sorted(map(as_row, latest(session)), key=lambda row: -row["horizon_months"]):
        if (row["issue"], row["month"], row["outcome"]) == wanted and row["detail"].get("sd"):
            return float(row["detail"]["sd"]), f"both arms together after {row['horizon_months']} months"
    return WORST_SD, "the widest a yes or no can be, as nothing has been read yet"
