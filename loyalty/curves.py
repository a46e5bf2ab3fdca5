"""How many units of each arm are still there, week by week since their assignment, for the picture beside the readings.

Kaplan and Meier's estimate: who has not yet been watched for so many weeks counts only as long as watched. Units are weighed
by the chance of the other arm (the stored share), as the readings are, so that shares that changed do not mix into the curves.
"""

import polars as pl
from sqlalchemy.orm import Session

from core.settings import Settings
from loyalty.facts import left_days
from loyalty.readable import Cut
from loyalty.survival import Longer, Stay, restricted_mean, stayed_longer
from loyalty.units import HORIZONS_MONTHS, analysis_set, members

WEEKS_AT_MOST = 79          # 18 months
DAYS_A_MONTH = 30.4375


def retention_curves(settings: Settings, session: Session, cut: Cut) -> pl.DataFrame:
    """Return (issue, arm, weeks, still_there, at_risk) for 0 to 79 weeks; empty where leaving is not an event."""
    units = _with_leaving(settings, session, cut)
    return _no_curves() if units.is_empty() else _kaplan_meier(_weeks(units, cut))


def time_to_leaving(settings: Settings, session: Session, cut: Cut) -> dict[tuple[str, int], Longer]:
    """Map (issue, horizon in months) to how much longer those contacted stayed: restricted means, stratified by stored share.

    Every unit counts as far as it was watched (right-censored at the cut); `censored` says how many were not seen to the end.
    """
    stays = _stays(settings, session, cut)
    found = {}
    for (issue,), mine in stays.group_by("issue", maintain_order=True):
        for months in HORIZONS_MONTHS:
            parts = [part for _, stratum in mine.group_by("share", maintain_order=True)
                     if (part := _part(stratum, months)) is not None]  # fmt: skip
            if parts:
                found[str(issue), months] = stayed_longer(parts)
    return found


def _part(stratum: pl.DataFrame, months: int) -> tuple[float, Stay, Stay] | None:
    """Return a stratum's weight and both arms' restricted means, where somebody was at risk to the horizon in each."""
    until = round(months * DAYS_A_MONTH)
    arms = [stratum.filter(pl.col("arm") == arm) for arm in ("contact", "hold_out")]
    if any(arm.is_empty() or int(arm["watched"].max()) < until for arm in arms):  # type: ignore[arg-type]
        return None
    contact, hold_out = (restricted_mean(arm["days"].to_numpy(), arm["left"].to_numpy(), until) for arm in arms)
    share = float(stratum["share"][0])
    return len(stratum) * share * (1 - share), contact, hold_out


def _stays(settings: Settings, session: Session, cut: Cut) -> pl.DataFrame:
    """Return (issue, arm, share, days, left, watched) of every unit: days until leaving, or as far as watched."""
    units = _with_leaving(settings, session, cut)
    watched = (pl.lit(cut.closed_before) - pl.col("starts_on")).dt.total_days()
    until = (pl.col("left_on") - pl.col("starts_on")).dt.total_days().clip(0)
    left = (until < watched).fill_null(False)
    drawn = units.filter(pl.col("share").is_between(0, 1, closed="none"))
    return drawn.select("issue", "arm", "share", pl.when(left).then(until).otherwise(watched).alias("days"), left.alias("left"),
                        watched.alias("watched")).filter(pl.col("days") >= 0)  # fmt: skip


def _with_leaving(settings: Settings, session: Session, cut: Cut) -> pl.DataFrame:
    """Return the units' first draws with the day their last customer left."""
    units = analysis_set(session, before=cut.at).filter("first")
    if not settings.loyalty.left_event or units.is_empty():
        return units.clear().with_columns(pl.lit(None, pl.Date).alias("left_on"))
    persons = units.select("assignment_id", "flagged_on").join(members(session, units), on="assignment_id")
    left = persons.join(left_days(settings, persons, before=cut.at), on=["assignment_id", "customer_id"], how="left")
    gone = left.group_by("assignment_id").agg(
        pl.when(pl.col("left_on").is_not_null().all()).then(pl.col("left_on").max()).alias("left_on")
    )
    return units.join(gone, on="assignment_id")


def _weeks(units: pl.DataFrame, cut: Cut) -> pl.DataFrame:
    """Return (issue, arm, weight, weeks, left): the last week each unit was at risk in, counted from 0.

    A week counts for a unit only when it was watched to its end, whether or not the unit left in it.
    """
    watched = (pl.lit(cut.closed_before) - pl.col("starts_on")).dt.total_days() // 7
    week_left = ((pl.col("left_on") - pl.col("starts_on")).dt.total_days() // 7).clip(0)
    left = (week_left < watched).fill_null(False)
    chance = pl.when(pl.col("arm") == "contact").then("share").otherwise(1 - pl.col("share"))
    weeks = pl.when(left).then(week_left).otherwise(watched - 1).alias("weeks")
    drawn = units.filter(pl.col("share").is_between(0, 1, closed="none"))
    return drawn.select("issue", "arm", chance.alias("weight"), weeks, left.alias("left")).filter(pl.col("weeks") >= 0)


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
