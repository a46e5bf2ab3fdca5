"""How many units of each arm are still there, week by week since their assignment, for the picture beside the readings.

Kaplan and Meier's estimate: who has not yet been watched for so many weeks counts only as long as watched. Units are weighed
by one over the chance of their arm (the stored share), so that shares that changed over time do not mix into the curves.
"""

import polars as pl
from sqlalchemy.orm import Session

from core.settings import Settings
from loyalty.facts import left_days
from loyalty.readable import Cut
from loyalty.units import analysis_set, members

WEEKS_AT_MOST = 79          # 18 months


def retention_curves(settings: Settings, session: Session, cut: Cut) -> pl.DataFrame:
    """Return (issue, arm, weeks, still_there, at_risk) for 0 to 79 weeks; empty where leaving is not an event."""
    units = analysis_set(session, before=cut.at).filter("first")
    if not settings.loyalty.left_event or units.is_empty():
        return _no_curves()
    who = members(session, units)
    persons = units.select("assignment_id", "flagged_on").join(who, on="assignment_id")
    left = persons.join(left_days(settings, persons, before=cut.at), on=["assignment_id", "customer_id"], how="left")
    gone = left.group_by("assignment_id").agg(
        pl.when(pl.col("left_on").is_not_null().all()).then(pl.col("left_on").max()).alias("left_on")
    )
    return _kaplan_meier(_weeks(units.join(gone, on="assignment_id"), cut))


def _weeks(units: pl.DataFrame, cut: Cut) -> pl.DataFrame:
    """Return (issue, arm, weight, weeks, left): the last week each unit was at risk in, counted from 0.

    A week counts for a unit only when it was watched to its end, whether or not the unit left in it.
    """
    watched = (pl.lit(cut.closed_before) - pl.col("starts_on")).dt.total_days() // 7
    week_left = ((pl.col("left_on") - pl.col("starts_on")).dt.total_days() // 7).clip(0)
    left = (week_left < watched).fill_null(False)
    chance = pl.when(pl.col("arm") == "hold_out").then("share").otherwise(1 - pl.col("share"))
    weeks = pl.when(left).then(week_left).otherwise(watched - 1).alias("weeks")
    drawn = units.filter(pl.col("share").is_between(0, 1, closed="none"))
    return drawn.select("issue", "arm", (1 / chance).alias("weight"), weeks, left.alias("left")).filter(pl.col("weeks") >= 0)


def _kaplan_meier(watched: pl.DataFrame) -> pl.DataFrame:
    """Return the weighed product-limit estimate at the end of each week."""
    weight, gone = pl.col("weight"), pl.col("weight").filter("left")
    sums = (weight.sum().alias("ends"), gone.sum().alias("left"), pl.len().alias("n"))
    weekly = watched.group_by("issue", "arm", "weeks").agg(*sums)
    weekly = weekly.sort("issue", "arm", "weeks").with_columns(
        pl.col("ends").cum_sum(reverse=True).over("issue", "arm").alias("risk"),
        pl.col("n").cum_sum(reverse=True).over("issue", "arm").alias("at_risk"),
    )
    stay = (1 - pl.col("left") / pl.col("risk")).cum_prod().over("issue", "arm")
    ends = weekly.select("issue", "arm", (pl.col("weeks") + 1).alias("weeks"), stay.alias("still_there"), "at_risk")
    start = weekly.group_by("issue", "arm").agg(
        pl.lit(0, pl.Int64).alias("weeks"), pl.lit(1.0).alias("still_there"), pl.col("at_risk").max()
    )
    columns = ("issue", "arm", "weeks", "still_there", "at_risk")
    both = pl.concat([start.select(columns), ends.select(columns)])
    return both.filter(pl.col("weeks") <= WEEKS_AT_MOST).sort("issue", "arm", "weeks")


def _no_curves() -> pl.DataFrame:
    return pl.DataFrame(schema={"issue": pl.String, "arm": pl.String, "weeks": pl.Int64, "still_there": pl.Float64,
                                "at_risk": pl.UInt32})  # fmt: skip
