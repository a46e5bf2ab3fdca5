"""Journeys that were started and not finished in the usual time, as a Narwhals plan."""

from typing import Any

import narwhals as nw

from feature_store.engines.prepared import MICROSECONDS_A_DAY
from feature_store.measure import HOURS_A_DAY, Measure

NEVER = 2**61  # microseconds; not null, which some backends hand on through a running minimum


def unfinished(frame: nw.LazyFrame[Any], measure: Measure, name: str) -> nw.LazyFrame[Any]:
    """Return how many starts, old enough to tell, no finish followed in time; null for who started none.

    `frame` is prepared. A finish at the instant of the start counts, whatever their order.
    """
    usual = round((measure.usual_hours or 0) * MICROSECONDS_A_DAY / HOURS_A_DAY)
    steps = frame.filter(nw.col("kind").is_in([measure.kind, measure.finish])).select(
        "customer_id", "kind", "at_us", "age_us",
        place=2 * nw.col("at_us") + nw.when(nw.col("kind") == measure.finish).then(nw.lit(1)).otherwise(nw.lit(0)),
        end_us=nw.when(nw.col("kind") == measure.finish).then(nw.col("at_us")).otherwise(nw.lit(NEVER)),
    )  # fmt: skip
    next_end = nw.col("end_us").cum_min(reverse=True).over("customer_id", order_by="place")
    starts = steps.with_columns(next_end=next_end).filter(
        nw.col("kind") == measure.kind,
        nw.col("age_us") > usual,
        nw.col("age_us") <= (measure.window_days or 0) * MICROSECONDS_A_DAY,
    )
    open_ = nw.when(nw.col("next_end") - nw.col("at_us") > usual).then(nw.lit(1)).otherwise(nw.lit(0))
    found = starts.with_columns(open=open_).group_by("customer_id").agg(nw.col("open").sum().alias(name))
    return found.select("customer_id", nw.col(name).cast(nw.Float64))
