"""What a pooled reading is made of: the shares its units were drawn with, and the playbook versions they were drawn under."""

from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.assignments import Assignment
from loyalty.strata import read_effects
from loyalty.units import PROGRAMME

BY = ["issue", "month", "horizon_months", "outcome"]
FIGURES = ("n_contact", "n_hold_out", "effect", "low", "high", "p_value", "why")
Row = dict[str, Any]


def makeup(session: Session, pooled: pl.DataFrame, starts: pl.DataFrame) -> dict[tuple, Row]:
    """Map each pooled reading to its `shares` (share, units) and its `versions` (version, first and last day, both arms, effect).

    `pooled` holds BY, assignment_id, arm, share, value and covariate; `starts` says on which day each assignment began.
    """
    if pooled.is_empty():
        return {}
    units = pooled.join(_versions(session), on="assignment_id").join(starts, on="assignment_id")
    found: dict[tuple, Row] = {}
    for key, mine in units.group_by(BY, maintain_order=True):
        shares = mine.group_by(pl.col("share").round(6)).len("units").sort("share")
        found[key] = {"shares": shares.to_dicts(), "versions": []}
    days = units.group_by([*BY, "version"]).agg(pl.col("starts_on").min().alias("first"), pl.col("starts_on").max().alias("last"))
    read = read_effects(units, [*BY, "version"]).join(days, on=[*BY, "version"]).sort("first", "version")
    for row in read.iter_rows(named=True):
        named = {"version": row["version"], "first": row["first"].isoformat(), "last": row["last"].isoformat()}
        found[tuple(row[name] for name in BY)]["versions"].append(named | {name: row[name] for name in FIGURES})
    return found


def _versions(session: Session) -> pl.DataFrame:
    drawn = session.execute(select(Assignment.id, Assignment.playbook_version).where(Assignment.scope != PROGRAMME))
    return pl.DataFrame([tuple(row) for row in drawn], schema={"assignment_id": pl.Int64, "version": pl.String}, orient="row")
