"""What cannot be held out, by discontinuity: flagged just above what it took that day against scored just below it.

A unit counts once, on the first day it came near; that day says on which side it was, whatever came later. So this is the effect
of being flagged at the threshold, and beside it stands how many of either side were told: the fewer above and
the more below, the less of a message's whole effect it shows. It holds for customers near the threshold, not for all.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import text
from sqlalchemy.orm import Session

from core.settings import Settings
from loyalty.discontinuity import CROWDED, NAME, Jump, jump_at
from loyalty.drawn import Measures, capped, pooled_cell, why_not_matured
from loyalty.outcomes import BREAKDOWNS, KEYS, unit_outcomes
from loyalty.readable import POOLED, Cut, cells
from loyalty.row import DISCONTINUITY, Row, blank, power, promise
from loyalty.units import HORIZONS_MONTHS, UNITS, windows

SEEN_WITH = 2.8016          # standard errors that are seen four times in five
SCHEMA: dict[str, Any] = UNITS | {"margin": pl.Float64, "told_at": pl.Datetime("us", "UTC")}


def threshold_rows(settings: Settings, session: Session, issues: dict[str, list[str]], cut: Cut, measures: Measures) -> list[Row]:
    """Return the pooled rows of some issues at each horizon, each with its outcomes, readable or not."""
    if not issues:
        return []
    units = near_threshold(session, sorted(issues), before=cut.at)
    spread = windows(units)
    found = cells(spread, cut)
    ripe = spread.join(found.filter("matured"), on=["issue", "month", "horizon_months"], how="semi")
    values = _values(settings, session, ripe, cut, measures)
    rows = []
    for issue, outcomes in issues.items():
        mine = found.filter(pl.col("issue") == issue).to_dicts()
        for months in HORIZONS_MONTHS:
            cell = pooled_cell(issue, months, mine)
            rows += [_row((issue, POOLED, months, outcome), cell, values, cut, measures) for outcome in outcomes]
    return rows


def near_threshold(session: Session, issues: list[str], *, before: datetime) -> pl.DataFrame:
    """Return each unit on the first day it came near, since its issue is measured so: UNITS as drawn units have, `margin`, `told_at`.

    `arm` is contact above the threshold and hold_out below it.
    """
    seen: set[tuple[str, str]] = set()
    found: list[tuple[Any, ...]] = []
    for issue, unit, customer, day, margin, told_at in session.execute(NEAR, {"issues": issues, "before": before}):
        if (issue, unit) not in seen:
            seen.add((issue, unit))
            found.append((len(found), issue, unit, customer, "contact" if margin >= 0 else "hold_out", 0.5, _morning(day, before), day,
                          margin, told_at))  # fmt: skip
    units = pl.DataFrame(found, schema=SCHEMA, orient="row")
    starts_on = pl.col("assigned_at").dt.date()
    return units.with_columns(starts_on.alias("starts_on"), starts_on.dt.strftime("%Y-%m").alias("month"), pl.lit(True).alias("first"))


def _morning(day: date, before: datetime) -> datetime:
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), before.tzinfo)


def _values(settings: Settings, session: Session, ripe: pl.DataFrame, cut: Cut, measures: Measures) -> dict[tuple, pl.DataFrame]:
    """Map issue, horizon and outcome to margin, value and whether told, one row a unit."""
    if ripe.is_empty():
        return {}
    told = pl.col("told_at").is_not_null() & (pl.col("told_at").dt.date() < pl.col("ends_on"))
    units = ripe.select("assignment_id", "horizon_months", "issue", "margin", told.alias("told"), pl.lit(POOLED).alias("month"))
    values = unit_outcomes(settings, session, ripe, before=cut.at)
    joined = capped(units.join(values, on=["assignment_id", "horizon_months"]), measures)
    found: dict[tuple, pl.DataFrame] = defaultdict(pl.DataFrame)
    for (issue, months, outcome), frame in joined.group_by("issue", "horizon_months", "outcome"):
        found[issue, months, outcome] = frame.sort("margin", "assignment_id")
    return found


def _row(key: tuple, cell: Row, values: dict[tuple, pl.DataFrame], cut: Cut, measures: Measures) -> Row:
    promised = promise(key, DISCONTINUITY, measures.get((key[0], POOLED), {}))
    row = blank(key, DISCONTINUITY, cell, promised)
    row["detail"] |= {"name": NAME, "breakdown_of": BREAKDOWNS.get(key[-1])}
    if not cell["matured"]:
        return row | {"state": "not_yet", "why": _why_nobody(cell, cut)}
    frame = values.get((key[0], key[2], key[-1]))
    if frame is None:
        return row | {"state": "unreadable", "why": f"settings.toml does not say how to find it: set loyalty.{KEYS.get(key[-1], 'revenue')}"}
    jump = jump_at(frame["margin"].to_numpy(), frame["value"].to_numpy(), 0.0)
    if isinstance(jump, str):
        return row | {"state": "unreadable", "why": jump}
    row["detail"] |= _beside(jump, frame)
    if why := _why_not(jump):
        return row | {"state": "unreadable", "why": why}
    return row | _figures(jump, promised) | {"state": "readable", "why": None}


def _why_nobody(cell: Row, cut: Cut) -> str:
    return why_not_matured(cell, cut) if cell["months"] else "nobody has come near the threshold since it is read so"


def _why_not(jump: Jump) -> str | None:
    if not jump.se > 0:
        return "nothing happened near the threshold: all values are alike"
    if jump.crowding_p < CROWDED:
        return (f"too many lie on one side of the threshold (p = {jump.crowding_p:.2g}): {jump.n_below} below, {jump.n_above} above; "
                "scores may have been pushed over it")  # fmt: skip
    return None


def _figures(jump: Jump, promised: Row) -> Row:
    from scipy.special import ndtr

    return {"n_contact": jump.n_above, "n_hold_out": jump.n_below, "mean_contact": jump.edges[1], "mean_hold_out": jump.edges[0],
            "effect": jump.corrected, "low": jump.low, "high": jump.high, "p_value": float(2 * ndtr(-abs(jump.corrected) / jump.se)),
            "smallest_seen": SEEN_WITH * jump.se, "power": power(promised, jump.se, 1e6)}  # fmt: skip


def _beside(jump: Jump, frame: pl.DataFrame) -> Row:
    """Return what stands beside the figures: the band, the uncorrected jump, and how many of either side in the band were told."""
    near = frame.filter(pl.col("margin").abs() < jump.bandwidth)
    told = {side: near.filter(where)["told"].mean() for side, where in (("above", pl.col("margin") >= 0), ("below", pl.col("margin") < 0))}
    return {"bandwidth": jump.bandwidth, "uncorrected": jump.effect, "se": jump.se, "crowding_p": jump.crowding_p, "told": told}


# Flags and near misses since an issue's measure said so; a unit's first day counts, above before below.
NEAR = text("""
    WITH since AS (
        SELECT issue, min(frozen_at) AS at FROM measures
        WHERE measure ->> 'design' = 'discontinuity' AND issue = ANY(:issues) GROUP BY issue
    ), scored AS (
        SELECT customer_id, issue, day, margin FROM flags WHERE margin IS NOT NULL AND NOT replay AND issue = ANY(:issues)
        UNION ALL
        SELECT customer_id, issue, day, margin FROM near_misses WHERE issue = ANY(:issues)
    ), units AS (
        SELECT s.issue, COALESCE(c.unit_id, s.customer_id) AS unit_id, s.customer_id, s.day, s.margin
        FROM scored s JOIN since USING (issue) LEFT JOIN customers c USING (customer_id)
        WHERE s.day >= CAST(since.at AS date) - 1 AND s.day < CAST(:before AS date)
    )
    SELECT u.issue, u.unit_id, u.customer_id, u.day, u.margin,
           (SELECT min(m.settled_at) FROM messages m WHERE m.unit_id = u.unit_id AND m.issue = u.issue AND m.kind = 'notice'
            AND m.state IN ('accepted', 'delayed', 'delivered') AND m.day >= u.day) AS told_at
    FROM units u ORDER BY u.issue, u.day, u.margin DESC, u.customer_id
""")
