"""Every day: does contacting do harm, or is its benefit proven? Both are acted on without a person.

Looked at are the units whose horizon has passed, the outcome of the playbook's stop rule and its promised one. The interval
holds on all days at once (loyalty.sequential), so that looking daily for 18 months stops a harmless playbook at most once in
forty, and rewards a useless one as rarely.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.brakes import pull_brake
from ledger.looks import note_look
from ledger.measures import Measure
from ledger.shares import set_share, share_in_force
from loyalty import skew
from loyalty.effect import Effects
from loyalty.outcomes import configured, unit_outcomes
from loyalty.readable import Cut, settled
from loyalty.sequential import always_p, sample_ratio_always_p, stretch
from loyalty.strata import effects_of
from loyalty.units import analysis_set, windows
from loyalty.wording import BETTER, amount, count, interval

MAINTENANCE_SHARE = 0.02    # of new units once a benefit is proven: enough to see it fade
PLANNED_UNITS = 5_000


@dataclass(frozen=True)
class Watched:
    """One outcome of one issue that is looked at daily, and what follows from it: `harm` or `benefit`."""

    issue: str
    outcome: str
    horizon_months: int
    planned_units: int
    cap: float | None
    for_harm: bool
    for_benefit: bool


@dataclass(frozen=True)
class Seen:
    """What a look shows, and what it amounts to: harm | benefit | nothing | too_little."""

    effect: float | None
    low: float | None
    high: float | None
    p_value: float | None
    found: str


def watch(settings: Settings, session: Session, cut: Cut, *, day: date, now: datetime) -> dict[str, int]:
    """Take today's looks, pull brakes and lower shares where they are due; return how many of each."""
    done = {"looks": 0, "harm": 0, "benefit": 0}
    spread = windows(analysis_set(session, before=cut.at)).filter("counts")
    spread = spread.filter(settled(pl.col("ends_on"), cut) <= pl.lit(cut.closed_before))
    for watched in _watched(settings, session, cut):
        ripe = spread.filter(pl.col("issue") == watched.issue, pl.col("horizon_months") == watched.horizon_months)
        if ripe.is_empty():
            continue
        effects, n, share = _effects(settings, session, ripe, watched, cut)
        seen = look(effects, 0, watched)
        row = {"issue": watched.issue, "day": day, "outcome": watched.outcome, "horizon_months": watched.horizon_months,
               "n_contact": int(n[..., 0].sum()), "n_hold_out": int(n[..., 1].sum()), **vars(seen),
               "sample_ratio_p": float(sample_ratio_always_p(n, share)[0]), "at": now}  # fmt: skip
        if note_look(session, row):
            done["looks"] += 1
            done[seen.found] = done.get(seen.found, 0) + _act(
                session, watched, seen.found, _said(settings, watched, seen), day=day, now=now)  # fmt: skip
    return {name: done[name] for name in ("looks", "harm", "benefit")}


def look(effects: Effects, at: int, watched: Watched) -> Seen:
    """Say what one experiment's effects show at this look."""
    if not effects.readable[at]:
        return Seen(None, None, None, None, "too_little")
    effect, se = float(effects.effect[at]), float(effects.se[at])
    low, high, p = daily_interval(effects, watched.planned_units)
    found = "nothing"
    if low[at] > 0 or high[at] < 0:
        better = effect * BETTER[watched.outcome] > 0
        found = "benefit" if better and watched.for_benefit else "harm" if not better and watched.for_harm else "nothing"
    return Seen(effect, float(low[at]), float(high[at]), float(p[at]), found) if se > 0 else Seen(None, None, None, None, "too_little")


def daily_interval(effects: Effects, planned_units: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return low, high and p of intervals that hold on all days at once, narrowest at the planned number of units."""
    fraction = effects.worth / planned_units  # time runs with what is learned: a month that holds out few adds little
    lean = np.where(np.abs(effects.lean) < skew.SMALL, 0.0, effects.lean)
    half = stretch(fraction)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = skew.transform(effects.effect / effects.se, lean)
    low, high = effects.effect - skew.back(half, lean) * effects.se, effects.effect - skew.back(-half, lean) * effects.se
    return low, high, always_p(z, fraction)


def _watched(settings: Settings, session: Session, cut: Cut) -> list[Watched]:
    """Return what each issue's newest frozen measure wants looked at; what nobody can find is not."""
    newest = select(Measure).distinct(Measure.issue).where(Measure.frozen_at < cut.at).order_by(
        Measure.issue, Measure.frozen_at.desc())  # fmt: skip
    found = []
    for measure in session.scalars(newest):
        promise: dict[str, Any] = measure.measure
        stop = promise.get("stop") or {}
        planned = int(stop.get("planned_units", PLANNED_UNITS))
        harm = (stop.get("outcome", "retained"), stop.get("horizon_months", 1))
        benefit = (promise.get("outcome", "retained"), promise.get("horizon_months", 6))
        for outcome, months in dict.fromkeys((harm, benefit)):
            if outcome in configured(settings):
                cap = promise.get("cap") if outcome == "revenue" else None
                found.append(Watched(measure.issue, outcome, months, planned, cap, (outcome, months) == harm,
                                     (outcome, months) == benefit))  # fmt: skip
    return found


def _effects(
    settings: Settings, session: Session, ripe: pl.DataFrame, watched: Watched, cut: Cut
) -> tuple[Effects, np.ndarray, np.ndarray]:
    values = unit_outcomes(settings, session, ripe, before=cut.at, only=(watched.outcome,))
    rows = ripe.select("assignment_id", "horizon_months", "issue", "arm", "share").join(
        values, on=["assignment_id", "horizon_months"])  # fmt: skip
    if watched.cap is not None:
        rows = rows.with_columns(pl.min_horizontal(name, pl.lit(watched.cap)).alias(name) for name in ("value", "covariate"))
    _, effects, n, share = effects_of(rows, ["issue"])
    return effects, n, share


def _act(session: Session, watched: Watched, found: str, said: str, *, day: date, now: datetime) -> int:
    """Stop the issue where harm is shown, lower the share of new units where the benefit is; return 1 for something done."""
    what = f"{watched.outcome} after {count(watched.horizon_months, 'month')}"
    if found == "harm":
        pull_brake(session, issue=watched.issue, kind="harm", reason=f"{what}: those contacted did worse, {said}", now=now)
        return 1
    if found == "benefit" and share_in_force(session, watched.issue, day + timedelta(days=1)) != MAINTENANCE_SHARE:
        set_share(session, issue=watched.issue, share=MAINTENANCE_SHARE, from_day=day + timedelta(days=1), now=now,
                  reason=f"benefit proven: {what} {said}; some stay held out to see it fade")  # fmt: skip
        return 1
    return 0


def _said(settings: Settings, watched: Watched, seen: Seen) -> str:
    """Return the effect with its interval, in the outcome's own unit."""
    of = interval(settings, watched.outcome, seen.low, seen.high)
    return f"{amount(settings, watched.outcome, seen.effect, signed=True)} ({of}, safe at daily looks)"
