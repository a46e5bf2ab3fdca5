"""What there is to issue as of a data cut: one row an issue, month of assignment, horizon and outcome, readable or not."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.assignments import Assignment
from ledger.flags import Flag
from ledger.measures import Measure
from loyalty.effect import power_to_see
from loyalty.integrity import adjust_family, balance, contamination, stages
from loyalty.makeup import makeup
from loyalty.outcomes import BREAKDOWNS, KEYS, OUTCOMES, configured, unit_outcomes
from loyalty.readable import POOLED, Cut, cells, why_not_yet, why_nothing_pooled
from loyalty.strata import RULE, read_effects
from loyalty.units import HORIZONS_MONTHS, PROGRAMME, analysis_set, windows

KEY = ("issue", "month", "horizon_months", "outcome")
FIGURES = ("mean_contact", "mean_hold_out", "effect", "low", "high", "p_value", "power", "smallest_seen")
RAW = "revenue, not capped"
Row = dict[str, Any]


def due_rows(settings: Settings, session: Session, cut: Cut) -> list[Row]:
    """Return the rows of every issue as of the cut, readable or not."""
    units = analysis_set(session, before=cut.at)
    spread = windows(units)
    found = cells(spread, cut)
    measures = _measures(session, units, cut)
    effects, apart, made_of = _effects(settings, session, spread, found, cut=cut, measures=measures)
    checks = Checks(stages(session, spread, cut), contamination(session, cut), apart, made_of)
    rows: list[Row] = []
    for issue in _issues(session, cut):
        mine = found.filter(pl.col("issue") == issue).to_dicts()
        of_issue = []
        for outcome in _outcomes(settings, measures, issue):
            for cell in mine + [_pooled_cell(issue, months, mine) for months in HORIZONS_MONTHS]:
                key = (issue, cell["month"], cell["horizon_months"], outcome)
                measure = measures.get((issue, cell["month"]), {})
                of_issue.append(checks.beside(_row(key, cell, effects, cut, measure)))
        adjust_family(of_issue)
        rows += of_issue
    return rows


@dataclass(frozen=True)
class Checks:
    """What was found of the integrity of each issue's pooled readings."""

    stages: dict[tuple[str, int], list[Row]]
    contamination: dict[str, Row]
    balance: dict[tuple, Row]
    made_of: dict[tuple, Row]

    def beside(self, row: Row) -> Row:
        """Return a row with the checks that concern it, and the outcome it is a breakdown of."""
        if row["month"] == POOLED:
            row["detail"] |= {"stages": self.stages.get((row["issue"], row["horizon_months"]), []),
                              "contamination": self.contamination.get(row["issue"]),
                              "balance": self.balance.get(tuple(row[name] for name in KEY)),
                              **self.made_of.get(tuple(row[name] for name in KEY), {})}  # fmt: skip
        return row | {"detail": row["detail"] | {"breakdown_of": BREAKDOWNS.get(row["outcome"])}}


def _issues(session: Session, cut: Cut) -> list[str]:
    """Return every issue that promised a measure, drew an arm or raised a flag before the cut."""
    named = (
        select(Measure.issue).where(Measure.frozen_at < cut.at),
        select(Assignment.scope).where(Assignment.assigned_at < cut.at, Assignment.scope != PROGRAMME),
        select(Flag.issue).where(Flag.day < cut.at.date(), Flag.replay.is_(False)),
    )
    return sorted({issue for query in named for issue in session.scalars(query.distinct())})


def _outcomes(settings: Settings, measures: dict[tuple[str, str], Row], issue: str) -> list[str]:
    """Return the outcomes settings.toml can find, and those an issue promised to be judged by even where it cannot."""
    promised = {measure.get("outcome") for (name, _), measure in measures.items() if name == issue}
    return [name for name in OUTCOMES if name in configured(settings) or name in promised]


def _measures(session: Session, units: pl.DataFrame, cut: Cut) -> dict[tuple[str, str], Row]:
    """Map (issue, month) and (issue, pooled) to the measure in force at the month's last assignment, with its version."""
    frozen = session.scalars(select(Measure).where(Measure.frozen_at < cut.at).order_by(Measure.frozen_at, Measure.version))
    versions: dict[str, list[Measure]] = {}
    for measure in frozen:
        versions.setdefault(measure.issue, []).append(measure)
    moments = [(row[0], row[1], row[2]) for row in units.group_by("issue", "month").agg(pl.col("assigned_at").max()).rows()]
    moments += [(issue, POOLED, cut.at) for issue in versions]
    found = {}
    for issue, month, until in moments:
        in_force = [each for each in versions.get(issue, []) if each.frozen_at <= until] or versions.get(issue, [])[:1]
        if in_force:
            found[issue, month] = {**in_force[-1].measure, "version": in_force[-1].version}
    return found


def _effects(
    settings: Settings, session: Session, spread: pl.DataFrame, found: pl.DataFrame, *,
    cut: Cut, measures: dict[tuple[str, str], Row],
) -> tuple[dict[tuple, Row], dict[tuple, Row], dict[tuple, Row]]:
    """Read the effect of every matured month, and of all of an issue's together; the balance before it, and what it is made of."""
    ripe = spread.join(found.filter("matured"), on=["issue", "month", "horizon_months"], how="semi").filter("counts")
    if ripe.is_empty():
        return {}, {}, {}
    values = unit_outcomes(settings, session, ripe, before=cut.at)
    columns = ["assignment_id", "horizon_months", "issue", "month", "arm", "share", "first"]
    units = ripe.select(columns).join(values, on=["assignment_id", "horizon_months"])
    pooled = units.filter("first").with_columns(pl.lit(POOLED).alias("month"))
    units = _capped(pl.concat([units, pooled]), measures)
    made_of = makeup(session, units.filter(pl.col("month") == POOLED), ripe.select("assignment_id", "starts_on").unique())
    return {tuple(row[name] for name in KEY): row for row in read_effects(units, KEY).to_dicts()}, balance(units, list(KEY)), made_of


def _capped(units: pl.DataFrame, measures: dict[tuple[str, str], Row]) -> pl.DataFrame:
    """Cap revenue where the measure says so, and keep the raw amounts as a reading of their own beside it."""
    caps = [(issue, month, float(m["cap"])) for (issue, month), m in measures.items() if m.get("cap") is not None]
    if not caps:
        return units
    schema = {"issue": pl.String, "month": pl.String, "cap": pl.Float64}
    units = units.join(pl.DataFrame(caps, schema=schema, orient="row"), on=["issue", "month"], how="left")
    capped = pl.col("outcome").eq("revenue") & pl.col("cap").is_not_null()
    raw = units.filter(capped).with_columns(pl.lit(RAW).alias("outcome"))
    limits = [
        pl.when(capped).then(pl.min_horizontal(name, "cap")).otherwise(name).alias(name) for name in ("value", "covariate")
    ]
    return pl.concat([units.with_columns(limits), raw]).drop("cap")


def _pooled_cell(issue: str, horizon_months: int, mine: list[Row]) -> Row:
    """Sum up an issue's months at a horizon."""
    months = [cell for cell in mine if cell["horizon_months"] == horizon_months]
    sums: Row = {name: sum(cell[name] for cell in months) for name in ("units", "ready", "n_contact", "n_hold_out")}
    seen = sum(cell["units"] * cell["observed"] for cell in months)
    sums["observed"] = seen / sums["units"] if sums["units"] else 0.0
    return {"issue": issue, "month": POOLED, "horizon_months": horizon_months, "months": months, **sums,
            "matured": any(cell["matured"] for cell in months)}  # fmt: skip


def _row(key: tuple, cell: Row, effects: dict[tuple, Row], cut: Cut, measure: Row) -> Row:
    """Return a ledger row: the figures, or the reason why there are none."""
    row = {**dict(zip(KEY, key, strict=True)), **dict.fromkeys(FIGURES), "n_contact": cell["n_contact"],
           "n_hold_out": cell["n_hold_out"], "detail": _promise(key, measure) | _progress(cell)}  # fmt: skip
    read = effects.get(key)
    if not cell["matured"]:
        months = cell.get("months")
        return row | {"state": "not_yet", "why": why_not_yet(cell, cut) if months is None else why_nothing_pooled(months, cut)}
    if read is None:
        return row | {"state": "unreadable", "why": _why_no_values(key[-1], cell)}
    row["detail"] |= _beside(read) | _raw(effects.get((*key[:-1], RAW)), measure)
    row |= {"n_contact": read["n_contact"], "n_hold_out": read["n_hold_out"]}
    if read["why"]:
        return row | {"state": "unreadable", "why": read["why"]}
    row |= {name: read[name] for name in FIGURES if name in read} | {"power": _power(read, key, measure)}
    return row | {"state": "readable", "why": None}


def _promise(key: tuple, measure: Row) -> Row:
    """Say whether this is what the playbook promised to be judged by, or exploratory."""
    primary = measure.get("outcome") == key[-1]
    return {
        "primary": primary, "promised": primary and measure.get("horizon_months", key[2]) == key[2],
        "measure": measure.get("version"), "smallest_effect": measure.get("smallest_effect") if primary else None,
    }  # fmt: skip


def _progress(cell: Row) -> Row:
    months = cell.get("months")
    if months is None:
        return {"units": cell["units"], "ready": cell["ready"], "observed": cell["observed"],
                "readable_from": cell["readable_from"].isoformat()}  # fmt: skip
    waiting = [each["readable_from"] for each in months if not each["matured"]]
    return {"units": cell["units"], "ready": cell["ready"], "observed": cell["observed"], "months": len(months), "months_read": len(months) - len(waiting),
            "readable_from": min(waiting).isoformat() if waiting else None}  # fmt: skip


def _why_no_values(outcome: str, cell: Row) -> str:
    if not cell["units"]:
        return "every unit of this month was drawn before and had not had this horizon yet, so it is counted there"
    return f"settings.toml does not say how to find it: set loyalty.{KEYS.get(outcome, 'revenue')}"


def _beside(read: Row) -> Row:
    """Return what stands beside the figures: sample ratio, spread, strata, relative difference."""
    base, effect = read["mean_hold_out"], read["effect"]
    names = ("sample_ratio_p", "sd", "se", "df", "skewness", "lean", "strata", "left_out", "raw_mean_contact", "raw_mean_hold_out")
    relative = effect / base if effect is not None and base else None
    return {name: read[name] for name in names} | {"relative": relative, "rule": RULE if read["why"] else None}


def _raw(read: Row | None, measure: Row) -> Row:
    if read is None:
        return {}
    means = {f"mean_{arm}": read[f"raw_mean_{arm}"] for arm in ("contact", "hold_out")}
    return {"cap": measure["cap"], "raw": means | {name: read[name] for name in ("effect", "low", "high", "p_value", "why")}}


def _power(read: Row, key: tuple, measure: Row) -> float | None:
    """Return the power to see the promised outcome's smallest effect that matters; other outcomes promised none."""
    smallest = measure.get("smallest_effect")
    if smallest is None or measure.get("outcome") != key[-1]:
        return None
    return float(power_to_see(float(smallest), np.array([read["se"]]), np.array([read["df"]]))[0])
