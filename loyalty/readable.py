"""When a month of assignments can be read: the data cut, and which units have had their whole horizon by it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from core.clock import moment_after
from core.settings import Settings
from feature_store.lake import last_closed
from loyalty.wording import count

POOLED = "pooled"


@dataclass(frozen=True)
class Cut:
    """What may be known: recorded before `at`, and complete for every day before `closed_before`."""

    at: datetime
    closed_before: date
    settle_days: int


def data_cut(settings: Settings, day: date) -> Cut:
    """Return the cut of a measuring day; a day that a source of an outcome has not closed is not complete."""
    at = moment_after(day)
    closed = [last_closed(settings, source) for source in outcome_sources(settings)]
    complete = [day + timedelta(days=1) for day in closed if day]
    closed_before = min(at.date(), *complete) if complete and len(complete) == len(closed) else date.min
    return Cut(at, closed_before, settings.loyalty.settle_days)


def outcome_sources(settings: Settings) -> list[str]:
    """Return the sources that the outcomes in settings.toml are found in."""
    loyalty = settings.loyalty
    named = (loyalty.left_event or loyalty.active_source, loyalty.revenue, loyalty.contacts_source, loyalty.complaints,
             loyalty.referrals, *loyalty.induced)  # fmt: skip
    return sorted({name.partition(".")[0] for name in named if name})


def cells(spread: pl.DataFrame, cut: Cut) -> pl.DataFrame:
    """Return one row per issue, month and horizon: units, ready, n_contact, n_hold_out, observed, readable_from, matured.

    A month is read as a whole: when it is over, and every unit's horizon and the days to settle lie before the cut.
    """
    counted, arm = pl.col("counts"), pl.col("arm")
    ready = counted & (settled(pl.col("ends_on"), cut) <= pl.lit(cut.closed_before))
    found = spread.group_by("issue", "month", "horizon_months").agg(
        counted.sum().cast(pl.Int64).alias("units"),
        ready.sum().cast(pl.Int64).alias("ready"),
        (counted & (arm == "contact")).sum().cast(pl.Int64).alias("n_contact"),
        (counted & (arm == "hold_out")).sum().cast(pl.Int64).alias("n_hold_out"),
        _observed(cut).filter(counted).mean().fill_null(0.0).alias("observed"),
        pl.col("ends_on").max().alias("last_end"),
        pl.col("starts_on").max().dt.month_end().alias("month_end"),
    )
    over = pl.col("month_end") < pl.lit(cut.at.date())
    latest = pl.col("month_end").dt.offset_by(pl.format("{}mo", "horizon_months"))
    found = found.with_columns(
        over.alias("over"),
        settled(pl.when(over).then("last_end").otherwise(latest), cut).alias("readable_from"),
    )
    matured = pl.col("over") & (pl.col("readable_from") <= pl.lit(cut.closed_before))
    return found.with_columns(matured.alias("matured")).sort("issue", "month", "horizon_months")


def _observed(cut: Cut) -> pl.Expr:
    """Return the share of each unit's horizon that lies before the cut."""
    whole = (pl.col("ends_on") - pl.col("starts_on")).dt.total_days()
    return ((pl.lit(cut.closed_before) - pl.col("starts_on")).dt.total_days() / whole).clip(0.0, 1.0)


def why_not_yet(cell: dict, cut: Cut) -> str:
    """Say from which day a month's cell can be read, and how far its units are."""
    months = count(cell["horizon_months"], "month") if cell["horizon_months"] else "hours"
    so_far = "" if cell["over"] else " so far"
    progress = f"{cell['ready']} of {cell['units']} units{so_far} have had their {months}"
    if cell["over"] and cell["readable_from"] <= cut.at.date():
        return f"waits for the lake: every day before {cell['readable_from']} must be closed; {progress}"
    return f"can be read from {cell['readable_from']}: {progress}"


def why_nothing_pooled(found: list[dict], cut: Cut) -> str:
    """Say when the first month of an issue can be read at a horizon, or that nobody was drawn."""
    if not found:
        return "nobody has been drawn in pilot or live mode, so there is nobody to compare"
    first = min(found, key=lambda cell: cell["readable_from"])
    return f"no month of {len(found)} is readable. The first is {first['month']}: {why_not_yet(first, cut)}"


def settled(end: pl.Expr, cut: Cut) -> pl.Expr:
    """Return the day from which what happened before `end` is known."""
    return end + pl.duration(days=cut.settle_days)
