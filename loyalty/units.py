"""Who is analysed, from when to when: every contact unit that passed the gate and drew an arm, in the arm it drew.

A unit's window is whole UTC days: from 00:00 of the day of assignment to 00:00 of the same day h calendar months later, so
somebody who leaves on the horizon day itself was still there. The days before the assignment give the covariate.
"""

from datetime import datetime

import polars as pl
from sqlalchemy import select, union
from sqlalchemy.orm import Session

from ledger.assignments import Assignment
from ledger.customers import Customer
from ledger.flags import Flag
from ledger.near_misses import NearMiss
from ledger.verdicts import Verdict

HORIZONS_MONTHS = (1, 6, 18)
PRE_MONTHS_AT_MOST = 3
PROGRAMME = "programme"     # the scope of the global hold out, which is no issue
UNITS: dict[str, pl.DataType | type[pl.DataType]] = {
    "assignment_id": pl.Int64, "issue": pl.String, "unit_id": pl.String, "customer_id": pl.String, "arm": pl.String,
    "share": pl.Float64, "assigned_at": pl.Datetime("us", "UTC"), "flagged_on": pl.Date,
}  # fmt: skip


def analysis_set(session: Session, *, before: datetime) -> pl.DataFrame:
    """Return the units of every issue drawn before an instant: UNITS, starts_on, month, and `first` of its unit and issue."""
    columns = (Assignment.id, Assignment.scope, Assignment.unit_id, Assignment.customer_id, Assignment.arm, Assignment.share,
               Assignment.assigned_at, Assignment.assigned_on)  # fmt: skip
    drawn = (
        select(*columns)
        .join(Verdict, Verdict.flag_id == Assignment.flag_id)
        .where(Verdict.passed, Assignment.mode.in_(("pilot", "live")), Assignment.arm.in_(("contact", "hold_out")))
        .where(Assignment.scope != PROGRAMME, Assignment.design == "hold_out", Assignment.assigned_at < before)
        .order_by(Assignment.scope, Assignment.unit_id, Assignment.assigned_at)
    )
    units = pl.DataFrame([tuple(row) for row in session.execute(drawn)], schema=UNITS, orient="row")
    starts_on = pl.col("assigned_at").dt.date()
    return units.with_columns(
        starts_on.alias("starts_on"),
        starts_on.dt.strftime("%Y-%m").alias("month"),
        pl.struct("issue", "unit_id").is_first_distinct().alias("first"),
    )


def members(session: Session, units: pl.DataFrame) -> pl.DataFrame:
    """Return (assignment_id, customer_id, own): everybody who shares a unit's inbox, `own` being who was flagged."""
    analysed = union(
        select(Assignment.unit_id),
        select(Customer.unit_id).join(NearMiss, NearMiss.customer_id == Customer.customer_id),
        select(Customer.unit_id).join(Flag, Flag.customer_id == Customer.customer_id).where(Flag.margin.is_not(None)),
    )
    known = select(Customer.unit_id, Customer.customer_id).where(
        Customer.unit_id.in_(analysed.scalar_subquery())
    )
    schema = {"unit_id": pl.String, "customer_id": pl.String}
    shared = pl.DataFrame([tuple(row) for row in session.execute(known)], schema=schema, orient="row")
    own = units.select("assignment_id", "customer_id", pl.lit(True).alias("own"))
    others = units.select("assignment_id", "unit_id").join(shared, on="unit_id")
    others = others.select("assignment_id", "customer_id", pl.lit(False).alias("own"))
    return pl.concat([own, others]).unique(["assignment_id", "customer_id"], keep="first", maintain_order=True)


def windows(units: pl.DataFrame) -> pl.DataFrame:
    """Return one row per assignment and horizon: ends_on (00:00 of it ends the window), pre_from, and `counts`.

    A later draw of a unit counts at a horizon only when the draw before it had reached that horizon, so that nothing
    is counted twice; `counts` says so, without regard to arms.
    """
    months = pl.DataFrame({"horizon_months": HORIZONS_MONTHS})
    shifted = [
        pl.col("starts_on").dt.offset_by(pl.format("{}mo", "horizon_months")).alias("ends_on"),
        pl.col("starts_on").dt.offset_by(
            pl.format("-{}mo", pl.min_horizontal("horizon_months", PRE_MONTHS_AT_MOST))).alias("pre_from"),
    ]  # fmt: skip
    spread = units.join(months, how="cross").with_columns(shifted).sort("issue", "unit_id", "horizon_months", "starts_on")
    earlier = pl.col("ends_on").shift(1).over("issue", "unit_id", "horizon_months")
    return spread.with_columns((earlier.is_null() | (earlier <= pl.col("starts_on"))).alias("counts"))
