"""Readings: every issue's months of assignment, and all of them pooled, at 1, 6 and 18 months, for every outcome.

A reading is issued once. A row that is not yet readable is kept up to date in place until it is; a row that was issued
changes only by a new numbered revision, when its figures changed. A measurement as of an earlier day changes nothing later.
"""

import math
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.clock import as_day
from core.settings import Settings, current
from ledger.assignments import Assignment
from ledger.database import sessions
from ledger.days import mark_done
from ledger.flags import Flag
from ledger.measures import Measure
from ledger.readings import Reading
from loyalty.effect import power_to_see
from loyalty.outcomes import (
    HORIZONS_MONTHS,
    OUTCOMES,
    PROGRAMME,
    analysis_set,
    configured,
    members,
    unit_outcomes,
    windows,
)
from loyalty.readable import POOLED, Cut, cells, data_cut, why_not_yet, why_nothing_pooled
from loyalty.strata import RULE, read_effects
from loyalty.wording import printable

KEY = ("issue", "month", "horizon_months", "outcome")
FIGURES = ("mean_contact", "mean_hold_out", "effect", "low", "high", "p_value", "power", "smallest_seen")
RAW = "revenue, not capped"
Row = dict[str, Any]


def measure_day(*, day: date | str, now: datetime, settings: Settings | None = None) -> dict[str, Any]:
    """Write one row for every issue, month of assignment (and `pooled`), horizon and outcome; return how many of what."""
    settings = settings or current()
    day = as_day(day)
    cut = data_cut(settings, day)
    with sessions(settings).begin() as session:
        rows = _rows(settings, session, cut)
        counts: dict[str, Any] = {"day": day.isoformat(), **_issue(session, rows, day=day, now=now)}
        mark_done(session, day, "measure", now=now, counts=counts)
    return counts


def latest(session: Session) -> list[Reading]:
    """Return the newest revision of every reading, by issue, month, horizon and outcome."""
    keys = [getattr(Reading, name) for name in KEY]
    return list(session.scalars(select(Reading).distinct(*keys).order_by(*keys, Reading.revision.desc())))


def table(settings: Settings, *, months: bool = False) -> list[Row]:
    """Return the newest readings in the order to print them: the pooled ones, or also each month's.

    Each has the ledger's figures, `primary` (the outcome the playbook promised), `promised` (and at the promised horizon),
    and `said`: the same as text, one entry a column.
    """
    with sessions(settings)() as session:
        rows = [as_row(reading) for reading in latest(session)]
    chosen = sorted((row for row in rows if months or row["month"] == POOLED), key=_for_reading)
    return [row | {name: row["detail"][name] for name in ("primary", "promised")} | {"said": printable(settings, row)}
            for row in chosen]  # fmt: skip


def as_row(reading: Reading) -> Row:
    """Return a reading as a plain dictionary."""
    return {column.key: getattr(reading, column.key) for column in Reading.__table__.columns}


def _for_reading(row: Row) -> tuple:
    return (row["issue"], not row["detail"]["primary"], OUTCOMES.index(row["outcome"]), row["month"] != POOLED,
            row["month"], row["horizon_months"])  # fmt: skip


# --------------------------------------------------------------------------------------------------- what to issue


def _rows(settings: Settings, session: Session, cut: Cut) -> list[Row]:
    """Return the rows of every issue as of the cut, readable or not."""
    units = analysis_set(session, before=cut.at)
    spread = windows(units)
    found = cells(spread, cut)
    measures = _measures(session, units, cut)
    effects = _effects(settings, session, spread, found, cut=cut, measures=measures)
    rows = []
    for issue in _issues(session, cut):
        mine = found.filter(pl.col("issue") == issue).to_dicts()
        for outcome in _outcomes(settings, measures, issue):
            for cell in mine + [_pooled_cell(issue, months, mine) for months in HORIZONS_MONTHS]:
                key = (issue, cell["month"], cell["horizon_months"], outcome)
                measure = measures.get((issue, cell["month"]), {})
                rows.append(_row(key, cell, effects, cut, measure))
    return rows


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
) -> dict[tuple, Row]:
    """Read the effect of every matured month, and of all matured months of an issue together, in one pass."""
    ripe = spread.join(found.filter("matured"), on=["issue", "month", "horizon_months"], how="semi").filter("counts")
    if ripe.is_empty():
        return {}
    values = unit_outcomes(settings, ripe, members(session, ripe), before=cut.at)
    columns = ["assignment_id", "horizon_months", "issue", "month", "arm", "share", "first"]
    units = ripe.select(columns).join(values, on=["assignment_id", "horizon_months"])
    pooled = units.filter("first").with_columns(pl.lit(POOLED).alias("month"))
    units = _capped(pl.concat([units, pooled]), measures)
    return {tuple(row[name] for name in KEY): row for row in read_effects(units, KEY).to_dicts()}


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
    sums = {name: sum(cell[name] for cell in months) for name in ("units", "ready", "n_contact", "n_hold_out")}
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
        return {"units": cell["units"], "ready": cell["ready"], "readable_from": cell["readable_from"].isoformat()}
    waiting = [each["readable_from"] for each in months if not each["matured"]]
    return {"units": cell["units"], "ready": cell["ready"], "months": len(months), "months_read": len(months) - len(waiting),
            "readable_from": min(waiting).isoformat() if waiting else None}  # fmt: skip


def _why_no_values(outcome: str, cell: Row) -> str:
    if not cell["units"]:
        return "every unit of this month was drawn before and had not had this horizon yet, so it is counted there"
    key = {"retained": "left_event or active_source", "contacts": "contacts_source"}.get(outcome, "revenue")
    return f"settings.toml does not say how to find it: set loyalty.{key}"


def _beside(read: Row) -> Row:
    """Return what stands beside the figures: sample ratio, spread, strata, relative difference."""
    base, effect = read["mean_hold_out"], read["effect"]
    names = ("sample_ratio_p", "sd", "se", "df", "strata", "left_out", "raw_mean_contact", "raw_mean_hold_out")
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


# ------------------------------------------------------------------------------------------------------ the ledger


def _issue(session: Session, rows: list[Row], *, day: date, now: datetime) -> dict[str, int]:
    """Add new rows, update the waiting ones in place, and give changed ones a new revision."""
    known = {tuple(getattr(reading, name) for name in KEY): as_row(reading) for reading in latest(session)}
    new, changed, revisions = [], [], 0
    for row in rows:
        row |= {"data_until": day, "issued_at": now}
        before = known.get(tuple(row[name] for name in KEY))
        if before is None:
            new.append(row | {"revision": 0})
        elif before["data_until"] > day or _same(before, row):
            continue
        elif before["state"] == "not_yet":
            changed.append(row | {"id": before["id"]})
        else:
            new.append(row | {"revision": before["revision"] + 1})
            revisions += 1
    for start in range(0, len(new), 500):
        some = insert(Reading).values(new[start : start + 500])
        session.execute(some.on_conflict_do_nothing(index_elements=[*KEY, "revision"]))
    if changed:
        session.execute(update(Reading), changed)
    states = {state: sum(row["state"] == state for row in rows) for state in ("readable", "not_yet", "unreadable")}
    return {**states, "issued": len(new) - revisions, "updated": len(changed), "revised": revisions}


def _same(before: Row, after: Row) -> bool:
    """Whether two rows say the same; figures may differ by rounding, never by more than one part in a billion."""
    stated = all(before[name] == after[name] for name in ("state", "why", "n_contact", "n_hold_out"))
    return stated and all(_close(before[name], after[name]) for name in FIGURES)


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
