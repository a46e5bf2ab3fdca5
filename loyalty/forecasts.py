"""Once a month: forecast the 6- and 18-month effects of younger assignments, where past months say that one may.

A forecast stands apart from every reading, is never the ground for money by itself, and is scored when its months are read.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.forecasts import all_forecasts, keep_forecasts, made_in
from ledger.readings import Reading
from loyalty.outcomes import configured, unit_outcomes
from loyalty.readable import Cut, settled
from loyalty.surrogate import LEAST_MONTHS, Cohort, check, fit, forecast
from loyalty.units import analysis_set, windows

LATER = (6, 18)
FORECAST = ("retained", "revenue", "purchases", "contacts")
LEAST_UNITS = 60            # of the younger assignments, half of them in either arm
KEYS = ("assignment_id", "issue", "month", "arm", "share")


def forecast_month(settings: Settings, session: Session, cut: Cut, *, day: date, now: datetime) -> int:
    """Make this month's forecasts, unless they are made; return how many rows were written, withheld ones included."""
    month = f"{day:%Y-%m}"
    if made_in(session, month):
        return 0
    spread = windows(analysis_set(session, before=cut.at)).filter(pl.col("counts"))
    names = [name for name in FORECAST if name in configured(settings)]
    past = spread.filter(settled(pl.col("ends_on"), cut) <= pl.lit(cut.closed_before))
    if not names or past.is_empty():
        return 0
    values = unit_outcomes(settings, session, past, before=cut.at, only=names)
    rows = [row | {"made_in": month, "data_until": day, "made_at": now} for row in _rows(past, values, names)]
    return keep_forecasts(session, rows)


def _rows(past: pl.DataFrame, values: pl.DataFrame, names: list[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for every issue, outcome and later horizon that has a first month to tell it from."""
    first = _first_month(past, values, names)
    for (issue,), units in first.group_by("issue", maintain_order=True):
        for horizon in LATER:
            for outcome in names:
                yield {"issue": issue, "outcome": outcome, "horizon_months": horizon, **_told(units, values, outcome, horizon)}


def _told(units: pl.DataFrame, values: pl.DataFrame, outcome: str, horizon: int) -> dict[str, Any]:
    """Return one forecast, or why there is none."""
    later = values.filter((pl.col("outcome") == outcome) & (pl.col("horizon_months") == horizon)).select("assignment_id", "value")
    joined = units.join(later, on="assignment_id", how="left", maintain_order="left")
    old, young = joined.filter(pl.col("value").is_not_null()), joined.filter(pl.col("value").is_null())
    mature, truth = _cohort(old), old["value"].to_numpy()
    checked = check(mature, truth)
    contact = int((young["arm"] == "contact").sum())
    row: dict[str, Any] = {
        "months": sorted(young["month"].unique()), "n_contact": contact, "n_hold_out": len(young) - contact,
        "effect": None, "low": None, "high": None, "state": "withheld", "why": checked.why_not,
        "detail": {"mature_months": checked.months, "explained": _plain(checked.explained), "left_over": _plain(checked.left_over),
                   "p": _plain(checked.p_value)},
    }  # fmt: skip
    if checked.months < LEAST_MONTHS:
        return row | {"state": "too_early"}
    if min(contact, len(young) - contact) < LEAST_UNITS / 2:
        return row | {"why": f"nothing to tell: past their first month and not at {horizon} months are {contact:,} contacted and "
                             f"{len(young) - contact:,} held out, and each arm needs {LEAST_UNITS // 2}"}  # fmt: skip
    if checked.why_not is None:
        told = forecast(fit(mature.first, truth), _cohort(young))
        row |= {"state": "forecast", "effect": told.effect, "low": told.low, "high": told.high}
    return row


def scored(session: Session) -> list[dict[str, Any]]:
    """Return every forecast whose months have since been read: forecast, what was read, and whether the two agree.

    What was read is an estimate too: they agree where they differ by no more than both 95 % intervals together allow.
    """
    read = {(r.issue, r.outcome, r.horizon_months, r.month): r for r in session.query(Reading).where(Reading.state == "readable").order_by(Reading.revision)}
    found = []
    for told in all_forecasts(session):
        known = [read.get((told.issue, told.outcome, told.horizon_months, month)) for month in told.months]
        whole = [reading for reading in known if reading is not None]
        if not whole or len(whole) < len(known):
            continue
        truth, half = _together(whole)
        effect, low, high = np.array([told.effect, told.low, told.high], dtype=float)
        reach = float(np.hypot(half, (high - low) / 2))
        found.append({"issue": told.issue, "outcome": told.outcome, "horizon_months": told.horizon_months, "made_in": told.made_in,
                      "effect": told.effect, "low": told.low, "high": told.high, "read": truth, "read_low": truth - half,
                      "read_high": truth + half, "agrees": bool(abs(effect - truth) <= reach)})  # fmt: skip
    return found


def _together(readings: list[Reading]) -> tuple[float, float]:
    """Return several months' effect, weighed by what both arms tell, and half its interval."""
    weight = np.array([r.n_contact * r.n_hold_out / (r.n_contact + r.n_hold_out) for r in readings])
    weight /= weight.sum()
    effect, low, high = np.array([(r.effect, r.low, r.high) for r in readings], dtype=float).T
    return float(weight @ effect), float(np.sqrt(weight**2 @ ((high - low) / 2) ** 2))


def _first_month(past: pl.DataFrame, values: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Return one row per unit that reached its first month: KEYS, each outcome in it, and what was known before."""
    reached = past.filter(pl.col("horizon_months") == 1).select(KEYS).sort("assignment_id")
    for name in names:
        here = values.filter((pl.col("outcome") == name) & (pl.col("horizon_months") == 1))
        columns = (pl.col("value").alias(f"first_{name}"), pl.col("covariate").fill_null(0.0).alias(f"before_{name}"))
        reached = reached.join(here.select("assignment_id", *columns), on="assignment_id", how="left", maintain_order="left")
    return reached


def _cohort(units: pl.DataFrame) -> Cohort:
    figures = units.select(pl.selectors.starts_with("first_", "before_").fill_null(0.0)).to_numpy().astype(np.float64)
    months = units["month"].str.replace("-", "").cast(pl.Int64).to_numpy()
    return Cohort(figures, (units["arm"] == "contact").to_numpy(), units["share"].round(6).to_numpy(), months)


def _plain(number: float) -> float | None:
    return None if not np.isfinite(number) else float(number)
