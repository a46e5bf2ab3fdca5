"""What cannot be held out, by a randomised delay: told now against told later, read over the hours between the two alone.

The lot was drawn with a stored share, before anything was sent, and the end of the hours was computed for both arms alike;
so within them the arms differ by the message alone. It speaks of those hours, and is named so wherever it is shown.
"""

from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.assignments import Assignment
from ledger.verdicts import Verdict
from loyalty.facts import split
from loyalty.outcomes import COLUMNS, MAKERS, Known, configured
from loyalty.row import DELAY, HOURS
from loyalty.units import UNITS, members

HOURLY = ("retained", "revenue", "purchases", "contacts", "contacts_induced", "complaints", "unsubscribes", "referrals")
PRE_DAYS = 28
LATER = "later"


def delayed(session: Session, *, before: datetime) -> pl.DataFrame:
    """Return the units drawn to be told now (`contact`) or later (here `hold_out`): as windows do, from the draw to `later_at`."""
    drawn = (
        select(Assignment.id, Assignment.scope, Assignment.unit_id, Assignment.customer_id, Assignment.arm, Assignment.share,
               Assignment.assigned_at, Assignment.assigned_on, Assignment.later_at)
        .join(Verdict, Verdict.flag_id == Assignment.flag_id)
        .where(Verdict.passed, Assignment.mode.in_(("pilot", "live")), Assignment.design == DELAY, Assignment.assigned_at < before)
        .order_by(Assignment.scope, Assignment.unit_id, Assignment.assigned_at)
    )  # fmt: skip
    schema: dict[str, Any] = UNITS | {"later_at": pl.Datetime("us", "UTC")}
    units = pl.DataFrame([tuple(row) for row in session.execute(drawn)], schema=schema, orient="row")
    starts_on, arm = pl.col("assigned_at").dt.date(), pl.col("arm")
    return units.with_columns(
        starts_on.alias("starts_on"),
        (pl.col("later_at").dt.date() + pl.duration(days=1)).alias("ends_on"),
        starts_on.dt.strftime("%Y-%m").alias("month"),
        pl.struct("issue", "unit_id").is_first_distinct().alias("first"),
        pl.lit(HOURS, pl.Int64).alias("horizon_months"), pl.lit(True).alias("counts"),
        pl.when(arm == LATER).then(pl.lit("hold_out")).otherwise(arm).alias("arm"),
    )


def hourly_outcomes(settings: Settings, session: Session, ripe: pl.DataFrame, *, before: datetime) -> pl.DataFrame:
    """Return what units did between their draw and the end of their hours, as loyalty.outcomes does for months."""
    spans = ripe.select("assignment_id", "horizon_months", "flagged_on", pl.col("assigned_at").alias("starts_on"),
                        pl.col("later_at").alias("ends_on"),
                        (pl.col("assigned_at") - pl.duration(days=PRE_DAYS)).alias("pre_from"))  # fmt: skip
    known = Known(settings, session, spans.join(members(session, ripe), on="assignment_id"), before, instants=True)
    found = [(_still_there(known) if name == "retained" else MAKERS[name](known)).with_columns(pl.lit(name).alias("outcome")).select(COLUMNS)
             for name in HOURLY if name in configured(settings) and (name != "retained" or settings.loyalty.left_event)]  # fmt: skip
    return pl.concat(found)


def _still_there(known: Known) -> pl.DataFrame:
    """Give 1.0 for a unit with anybody who did not leave within the hours."""
    left = known.facts(*split(known.settings, "left_event", 2)).select("customer_id", "on")
    gone = known.persons.join(left, on="customer_id").filter(pl.col("on").is_between("starts_on", "ends_on", closed="left"))
    who = ["assignment_id", "horizon_months", "customer_id"]
    judged = known.persons.join(gone.select(*who, pl.lit(True).alias("gone")).unique(), on=who, how="left")
    stays = pl.col("gone").is_null().any().cast(pl.Float64).alias("value")
    return judged.group_by("assignment_id", "horizon_months").agg(stays).with_columns(pl.lit(None, pl.Float64).alias("covariate"))
