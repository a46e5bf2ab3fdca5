"""The exact engine for any backend: every measure as a Narwhals plan, on Polars, DuckDB or a Spark cluster alike.

Times become whole microseconds before the moment first, so that windows, days and gaps are arithmetic on integers and
come out equal everywhere.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import narwhals as nw

from feature_store.engines.journeys import unfinished
from feature_store.engines.prepared import MICROSECONDS_A_DAY, matching, prepared, value_of
from feature_store.measure import Measure, as_plain

Frame = nw.LazyFrame[Any]
Names = Mapping[Measure, str]
Totals = tuple[list[nw.Expr], nw.Expr]  # aggregates of a customer's rows, and the number they make
NEWEST = ("last", "until", "category")
GAPS = ("mean_gap", "gap_variation")


def measured(rows: Any, names: Names, moment: datetime, ages: Any = None) -> list[Frame]:
    """Return frames of customer_id and the named measures over one source's rows known at `moment`, a native frame.

    For measures since an anchor `ages` has, a native frame as well, customer_id and the anchor's days under `anchor_name`.
    A customer without a row may be absent, or null. Raise LookaheadError when a row is from the moment or later.
    """
    frame = prepared(rows, list(names), moment)
    wanted = [m for m in names if m.since is None]
    found = [_since(frame, anchor, alike, ages) for anchor, alike in _by_anchor(names).items()]
    found += [_totals(frame, {m: names[m] for m in wanted if m.aggregate in TOTALS})]
    found += [_newest(frame, alike, names) for alike in _alike(wanted, NEWEST, aggregate="last", equals=None)]
    found += [_gaps(frame, alike, names) for alike in _alike(wanted, GAPS, aggregate="mean_gap")]
    found += [unfinished(frame, m, names[m]) for m in wanted if m.aggregate == "unfinished"]
    found += [_formula(frame, m, names[m]) for m in wanted if m.aggregate == "formula"]
    return [part for part in found if part is not None]


def anchor_name(anchor: Measure) -> str:
    """Return the column under which the days since an anchor are given: its declaration's own."""
    return f"days since {json.dumps(as_plain(anchor), sort_keys=True)}"


def _by_anchor(names: Names) -> dict[Measure, dict[Measure, str]]:
    """Return, by anchor, the measures that begin there, without it, and their names."""
    anchored: dict[Measure, dict[Measure, str]] = {}
    for measure, name in names.items():
        if measure.since is not None:
            anchored.setdefault(measure.since, {})[replace(measure, since=None)] = name
    return anchored


def _since(frame: Frame, anchor: Measure, names: Names, ages: Any) -> Frame | None:
    """Return totals over the rows from each customer's anchor on, whose age in days is a whole number of microseconds."""
    days = nw.col(anchor_name(anchor))
    begun = nw.from_native(ages).lazy().filter(~days.is_null()).select(
        "customer_id", anchor_us=(days * MICROSECONDS_A_DAY).round().cast(nw.Int64))  # fmt: skip
    rows = frame.join(begun, on="customer_id", how="inner").filter(nw.col("age_us") <= nw.col("anchor_us"))
    return _totals(rows, names)


def _alike(wanted: Iterable[Measure], aggregates: tuple[str, ...], **same: Any) -> list[list[Measure]]:
    """Return the measures of some aggregates, those together that look at the same rows."""
    found: dict[Measure, list[Measure]] = {}
    for measure in wanted:
        if measure.aggregate in aggregates:
            found.setdefault(replace(measure, **same), []).append(measure)
    return list(found.values())


def _totals(frame: Frame, names: Names) -> Frame | None:
    """Return every measure that is made of totals over a customer's rows, in one pass."""
    if not names:
        return None
    parts = {name: TOTALS[measure.aggregate](measure, name) for measure, name in names.items()}
    totals = frame.group_by("customer_id").agg(*(e for aggregates, _ in parts.values() for e in aggregates), nw.len().alias("rows"))
    return totals.select("customer_id", *(number.cast(nw.Float64).alias(name) for name, (_, number) in parts.items()))


def _values(measure: Measure) -> nw.Expr:
    """Return the values of the measure's rows: of its column, or 1 a row."""
    return nw.when(matching(measure)).then(value_of(measure) if measure.column else nw.lit(1))


def _count(measure: Measure, name: str) -> Totals:
    return [_values(measure).count().alias(name)], nw.when(nw.col(name) > 0).then(nw.col(name))


def _sum(measure: Measure, name: str) -> Totals:
    values, many = _values(measure), f"{name}_many"
    return [values.sum().alias(name), values.count().alias(many)], nw.when(nw.col(many) > 0).then(nw.col(name))


def _plain(how: str) -> Callable[[Measure, str], Totals]:
    return lambda measure, name: ([getattr(_values(measure), how)().alias(name)], nw.col(name))


def _recency(measure: Measure, name: str) -> Totals:
    youngest = nw.when(matching(measure)).then(nw.col("age_us")).min()
    return [youngest.alias(name)], nw.col(name) / MICROSECONDS_A_DAY


def _distinct_days(measure: Measure, name: str) -> Totals:
    days, many = nw.when(matching(measure)).then(nw.col("day")), f"{name}_many"
    of_no_row = nw.when(nw.col(many) < nw.col("rows")).then(nw.lit(1)).otherwise(nw.lit(0))  # null is one more to n_unique
    return [days.n_unique().alias(name), days.count().alias(many)], nw.when(nw.col(many) > 0).then(nw.col(name) - of_no_row)


def _volatility(measure: Measure, name: str) -> Totals:
    values, many = _values(measure), f"{name}_many"
    swing = values.cast(nw.Float64).std(ddof=1)
    return [swing.alias(name), values.count().alias(many)], nw.when(nw.col(many) > 1).then(nw.col(name))


def _slope(measure: Measure, name: str) -> Totals:
    """Least squares over days 0 .. n-1 in closed form, (n Sxy - Sx Sy) / (n Sxx - Sx Sx); days without rows are zero."""
    values, many, moved = _values(measure), f"{name}_many", f"{name}_moved"
    n = measure.window_days or 2
    days_ago = (nw.col("age_us") - 1) // MICROSECONDS_A_DAY
    aggregates = [values.sum().alias(name), values.count().alias(many), (values * days_ago).sum().alias(moved)]
    above = (n * (n - 1) // 2) * nw.col(name) - n * nw.col(moved)
    return aggregates, nw.when(nw.col(many) > 0).then(above.cast(nw.Float64) / (n * n * (n * n - 1) / 12))


TOTALS: dict[str, Callable[[Measure, str], Totals]] = {
    "count": _count, "sum": _sum, "mean": _plain("mean"), "min": _plain("min"), "max": _plain("max"), "recency": _recency,
    "distinct_days": _distinct_days, "volatility": _volatility, "slope": _slope,
}  # fmt: skip


def _newest(frame: Frame, alike: list[Measure], names: Names) -> Frame:
    """Return each customer's newest value; of rows at one instant the one recorded last, then the greatest event_id."""
    value = value_of(alike[0])
    rows = frame.filter(matching(alike[0]), ~value.is_null())
    newest = rows.unique("customer_id", keep="last", order_by=["at_us", "recorded_us", "event_id"])
    return newest.select("customer_id", *(_read(measure, value).alias(names[measure]) for measure in alike))


def _read(measure: Measure, value: nw.Expr) -> nw.Expr:
    if measure.aggregate == "category":
        return value.cast(nw.String)
    if measure.aggregate == "until":
        return (value - nw.col("moment_us")).cast(nw.Float64) / MICROSECONDS_A_DAY
    if measure.equals is not None:
        return nw.when(value == measure.equals).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
    return value.cast(nw.Float64)


def _gaps(frame: Frame, alike: list[Measure], names: Names) -> Frame:
    """Return mean and relative spread of the days between a customer's rows."""
    gap = nw.col("at_us").diff().over("customer_id", order_by="at_us") / MICROSECONDS_A_DAY
    rows = frame.filter(matching(alike[0])).select("customer_id", gap=gap)
    gaps = rows.group_by("customer_id").agg(
        many=nw.col("gap").count(), mean_gap=nw.col("gap").mean(), spread=nw.col("gap").std(ddof=1)
    )
    uneven = nw.when(nw.col("many") > 1, nw.col("mean_gap") > 0).then(nw.col("spread") / nw.col("mean_gap"))
    number = {"mean_gap": nw.when(nw.col("many") > 0).then(nw.col("mean_gap")), "gap_variation": uneven}
    return gaps.select("customer_id", *(number[m.aggregate].alias(names[m]) for m in alike))


def _formula(frame: Frame, measure: Measure, name: str) -> Frame:
    formula = measure.formula
    assert formula is not None
    asked = [nw.col(f"v_{column}").alias(column) for column in formula.columns]
    offered: list[Any] = ["customer_id", "kind", (nw.col("age_us") / MICROSECONDS_A_DAY).alias("age_days"), "day"]
    rows = frame.filter(matching(measure)).select(*offered, *asked)
    found = rows.group_by("customer_id").agg(formula.of().alias(name))
    return found.select("customer_id", nw.col(name).cast(nw.Float64))
