"""What to know before believing a reading: sample ratios at every stage, contamination, balance before the draw, families."""

from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ledger.assignments import Assignment
from ledger.customers import Customer
from ledger.verdicts import Verdict
from loyalty.families import METHOD, holm
from loyalty.readable import POOLED, Cut, settled
from loyalty.sequential import ALARM, sample_ratio_always_p
from loyalty.strata import read_effects
from loyalty.units import PROGRAMME

STAGES = ("assigned", "eligible", "outcome present", "not erased")
BALANCE_ALARM = 0.001       # of one of many outcomes
Row = dict[str, Any]


def stages(session: Session, spread: pl.DataFrame, cut: Cut, *, design: str = "hold_out") -> dict[tuple[str, int], list[Row]]:
    """Map (issue, horizon) to the arms' sizes at each stage, with the p, valid at every look, that a fair draw left them so."""
    drawn = _drawn(session, cut, design)
    present = spread.filter("counts", settled(pl.col("ends_on"), cut) <= pl.lit(cut.closed_before))
    known = set(session.scalars(select(Customer.customer_id)))
    kept = present.filter(pl.col("customer_id").is_in(list(known)))
    found: dict[tuple[str, int], list[Row]] = {}
    for (issue, months), _ in spread.group_by("issue", "horizon_months"):
        mine = pl.col("issue") == issue
        here = mine & (pl.col("horizon_months") == months)
        parts = (drawn.filter(mine), drawn.filter(mine, "passed"), present.filter(here), kept.filter(here))
        found[str(issue), int(months)] = [_stage(name, part) for name, part in zip(STAGES, parts, strict=True)
                                          if name != "not erased" or known]  # fmt: skip
    return found


def contamination(session: Session, cut: Cut) -> dict[str, Row]:
    """Map each issue to how many units were held out and written to all the same, or to be contacted and never were."""
    rows = session.execute(CONTAMINATED, {"before": cut.at, "programme": PROGRAMME}).mappings()
    return {row["scope"]: {"held_out_but_told": row["told"], "contact_but_not_told": row["not_told"]} for row in rows}


def balance(units: pl.DataFrame, by: list[str]) -> dict[tuple, Row]:
    """Map each pooled reading to how far the arms were apart before the draw, in standard deviations, and its p."""
    before = units.filter(pl.col("month") == POOLED, pl.col("covariate").is_not_null())
    if before.is_empty():
        return {}
    rows = before.with_columns(value=pl.col("covariate"), covariate=pl.lit(None, pl.Float64))
    return {tuple(row[name] for name in by): {"apart_sd": row["effect"] / row["sd"], "p": row["p_value"]}
            for row in read_effects(rows, by).to_dicts() if row["why"] is None and row["sd"]}  # fmt: skip


def adjust_family(rows: list[Row]) -> None:
    """Add to each pooled exploratory reading of an issue its p adjusted for all of them, read or not yet."""
    family = [row for row in rows if row["month"] == POOLED and not row["detail"]["promised"]]
    for row, p in zip(family, holm([row["p_value"] for row in family]), strict=True):
        row["detail"] |= {"p_adjusted": p, "family": f"{METHOD}, {len(family)} pooled readings that were not promised"}


def doubts(detail: Row) -> list[str]:
    """Return in words what speaks against believing a reading."""
    said = [f"sample ratio: {each['stage']}: {each['contact']:,} to {each['hold_out']:,} are no fair draw (p = {each['p']:.2g})"
            for each in detail.get("stages", ()) if each["p"] < ALARM]  # fmt: skip
    before = detail.get("balance")
    if before and before["p"] < BALANCE_ALARM:
        said.append(f"balance: the arms were {before['apart_sd']:+.2f} standard deviations apart before the draw")
    told = (detail.get("contamination") or {}).get("held_out_but_told", 0)
    return [*said, f"contamination: {told:,} held-out units were written to"] if told else said


def _drawn(session: Session, cut: Cut, design: str) -> pl.DataFrame:
    """Return issue, arm (later counts as hold_out), share and whether the gate passed of every draw in pilot or live mode before the cut."""
    asked = select(Assignment.scope, Assignment.arm, Assignment.share, Verdict.passed).outerjoin(
        Verdict, Verdict.flag_id == Assignment.flag_id).where(
        Assignment.mode.in_(("pilot", "live")), Assignment.scope != PROGRAMME, Assignment.design == design, Assignment.assigned_at < cut.at)  # fmt: skip
    schema = pl.Schema({"issue": pl.String(), "arm": pl.String(), "share": pl.Float64(), "passed": pl.Boolean()})
    rows = pl.DataFrame([tuple(row) for row in session.execute(asked)], schema=schema, orient="row")
    return rows.with_columns(pl.col("passed").fill_null(False), pl.col("arm").replace("later", "hold_out"))


def _stage(name: str, units: pl.DataFrame) -> Row:
    counts = units.group_by(pl.col("share").round(6)).agg(
        (pl.col("arm") == "contact").sum().alias("contact"), (pl.col("arm") == "hold_out").sum().alias("hold_out")
    ).sort("share")  # fmt: skip
    n = counts.select(pl.col("contact", "hold_out").cast(pl.Float64)).to_numpy()
    p = float(sample_ratio_always_p(n, counts["share"].to_numpy())) if len(counts) else 1.0
    sums = np.zeros(2) if not len(counts) else n.sum(axis=0)
    return {"stage": name, "contact": int(sums[0]), "hold_out": int(sums[1]), "p": p}


CONTAMINATED = text("""
    SELECT a.scope,
           count(*) FILTER (WHERE a.arm = 'hold_out' AND told.one IS NOT NULL) AS told,
           count(*) FILTER (WHERE a.arm = 'contact' AND told.one IS NULL) AS not_told
    FROM assignments a
    LEFT JOIN LATERAL (
        SELECT 1 AS one FROM messages m
        WHERE m.issue = a.scope AND m.unit_id = a.unit_id AND m.kind <> 'survey' AND m.state = 'accepted' AND m.settled_at >= a.assigned_at
        AND m.settled_at < CAST(a.frozen_until AS timestamptz) LIMIT 1
    ) AS told ON true
    WHERE a.mode IN ('pilot', 'live') AND a.design = 'hold_out' AND a.scope <> :programme AND a.assigned_at < :before
    GROUP BY a.scope
""")
