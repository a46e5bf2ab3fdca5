"""Random histories of a few customers, features of every shape over them, and a brute force that says what each is."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import isnan
from statistics import fmean, stdev

import narwhals as nw
import polars as pl
from hypothesis import strategies as st

from feature_store.feature import Feature, Peer, Ratio, Share, Trend, longer
from feature_store.formula import Formula
from feature_store.measure import Measure

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
T = datetime(2026, 4, 1, tzinfo=UTC)
MOMENTS = [T, T - DAY, T - 5 * DAY - timedelta(hours=7, minutes=13), T - timedelta(microseconds=1)]
CUSTOMERS = ["a", "b", "c", "d"]
KINDS = ["failed", "paid", "refund", "other"]
ZERO = {"count", "sum", "distinct_days", "unfinished"}
INSTANT = pl.Datetime("us", "UTC")
SCHEMA = {
    "event_id": pl.String, "customer_id": pl.String, "kind": pl.String, "occurred_at": INSTANT, "recorded_at": INSTANT,
    "deleted": pl.Boolean, "cents": pl.Int64, "plan": pl.String, "minutes": pl.Float64, "ends_at": INSTANT,
}  # fmt: skip


def roster(moment):
    """The customers, one of whom the source never heard of."""
    since = [moment - 100 * DAY, None, moment - DAY / 2, moment - 7 * DAY]
    return pl.DataFrame({"customer_id": CUSTOMERS, "s": pl.Series(since, dtype=INSTANT)})


def frame(rows):
    """Rows as the lake would give them."""
    return pl.LazyFrame(rows, schema=SCHEMA, orient="row")


def widest_cents():
    """A formula: the distance between the largest and the smallest amount."""
    return nw.col("cents").max() - nw.col("cents").min()


# ---------------------------------------------------------------------------------------------- what may be declared

OF_KIND = st.sampled_from([{}, {"kind": "failed"}, {"kind": "paid"}, {"other_than": ("failed", "paid")}])
WINDOWS = st.sampled_from([2, 1, 7, 28])
PLAIN = st.builds(
    lambda spec, days, narrow: Measure("s", window_days=days, **spec, **narrow),
    st.sampled_from(
        [{"aggregate": a} for a in ("count", "distinct_days", "recency", "mean_gap", "gap_variation")]
        + [{"aggregate": a, "column": c} for a in ("sum", "mean", "min", "max", "last", "volatility") for c in ("cents", "minutes")]
        + [{"aggregate": "last", "column": "plan", "equals": "pro"}, {"aggregate": "until", "column": "ends_at"}]
    ),
    WINDOWS,
    OF_KIND,
)
SLOPES = st.builds(
    lambda spec, days, narrow: Measure("s", "slope", days, **spec, **narrow),
    st.sampled_from([{}, {"column": "cents"}, {"column": "minutes"}]),
    st.sampled_from([2, 7, 28]),
    OF_KIND,
)
JOURNEYS = st.builds(
    lambda days, hours: Measure("s", "unfinished", days, kind="failed", finish="paid", usual_hours=hours),
    st.sampled_from([2, 7, 28]),
    st.sampled_from([1, 5, 30]),
)
FORMULAS = st.builds(lambda d, k: Measure("s", "formula", d, formula=Formula(widest_cents, ("cents",)), **k), WINDOWS, OF_KIND)
OTHER = st.sampled_from([
    Measure("s", "tenure"), Measure("s", "last", column="cents"), Measure("s", "until", column="ends_at"),
    Measure("s", "recency", kind="paid"), Measure("s", "last", column="plan", equals="basic"),
])  # fmt: skip
NUMBERS = st.one_of(PLAIN, SLOPES, JOURNEYS, FORMULAS, OTHER)
COMPOSED = st.one_of(
    st.builds(Ratio, PLAIN, PLAIN),
    st.builds(lambda narrow: Trend(Measure("s", "count", 7, **narrow), 28), OF_KIND),
    st.builds(lambda d: Share(Measure("s", "count", d, kind="failed")), WINDOWS),
    st.builds(lambda d: Share(Measure("s", "sum", d, column="cents", kind="paid")), WINDOWS),
)
ANCHORS = st.builds(lambda kind: Measure("s", "recency", 28, kind=kind), st.sampled_from(["paid", "refund", None]))
SINCE = st.builds(
    lambda spec, narrow, anchor: Measure("s", window_days=28, since=anchor, **spec, **narrow),
    st.sampled_from([{"aggregate": "count"}, {"aggregate": "distinct_days"}, *({"aggregate": a, "column": "minutes"}
                     for a in ("sum", "mean", "max", "volatility"))]),
    OF_KIND, ANCHORS,
)  # fmt: skip
PACES = st.builds(lambda anchor, narrow: Trend(Measure("s", "count", 28, since=anchor, **narrow), 28), ANCHORS, OF_KIND)
WHAT = st.one_of(NUMBERS, COMPOSED, SINCE, PACES, st.builds(lambda of: Peer(of, "s", "plan"), st.one_of(NUMBERS, COMPOSED)))
EVERY_SHAPE = [
    *(Measure("s", a, 7) for a in ("count", "distinct_days", "recency", "mean_gap", "gap_variation", "slope")),
    *(Measure("s", a, 28, column=c) for a in ("sum", "mean", "min", "max", "last", "volatility", "slope") for c in ("cents", "minutes")),
    Measure("s", "count", 28, other_than=("failed", "paid")), Measure("s", "tenure"), Measure("s", "recency", kind="paid"),
    Measure("s", "last", column="plan", equals="pro"), Measure("s", "until", column="ends_at"),
    Measure("s", "unfinished", 28, kind="failed", finish="paid", usual_hours=5),
    Measure("s", "formula", 28, formula=Formula(widest_cents, ("cents",))),
    Ratio(Measure("s", "recency", 28), Measure("s", "mean_gap", 28)), Trend(Measure("s", "count", 7), 28),
    Share(Measure("s", "count", 28, kind="failed")), Peer(Measure("s", "count", 28), "s", "plan"),
    Peer(Measure("s", "mean", 28, column="minutes"), "s", "plan"),
    Measure("s", "count", 28, since=Measure("s", "recency", 28, kind="paid")),
    Measure("s", "mean", 28, column="minutes", kind="failed", since=Measure("s", "recency", 7, kind="paid")),
    Ratio(Measure("s", "sum", 28, column="cents", since=Measure("s", "recency", 28, kind="paid")), Measure("s", "count", 28)),
    Trend(Measure("s", "count", 28, since=Measure("s", "recency", 28, kind="failed")), 28),
]  # fmt: skip


def features_of(wanted):
    """Number the declarations as features."""
    return [Feature(f"f{n}", what) for n, what in enumerate(wanted)]


US = timedelta(microseconds=1)
EDGES = [T - n * DAY + d for n in (0, 1, 2, 3, 7, 8, 28, 29) for d in (timedelta(0), -US, US)]
WHEN = st.one_of(
    st.sampled_from(EDGES), st.sampled_from([T - 5 * HOUR, T - 30 * HOUR, T - DAY - 5 * HOUR]),
    st.builds(lambda hours: T - hours * HOUR, st.integers(-40, 700)), st.builds(lambda days: T - days * DAY, st.integers(0, 30)),
)  # fmt: skip


def _event(number, who, kind, occurred_at, late, deleted, told):
    """One version of an event: recorded `late` hours after it occurred, or (None) a bare date, known at its day's end."""
    if late is None:
        occurred_at = occurred_at.replace(hour=0, minute=0, second=0, microsecond=0)
    recorded_at = occurred_at + (DAY - US if late is None else late * HOUR)
    return (number, who, kind, occurred_at, recorded_at, deleted, *told)


def event():
    """Events that crowd around the windows' edges and midnights, early or late, corrected or deleted."""
    return st.builds(
        _event, st.integers(0, 30), st.sampled_from(["a", "a", "b", "c", "d"]), st.sampled_from(KINDS), WHEN,
        st.sampled_from([0, 0, 0, None, None, 1, 30, 300]), st.sampled_from([False] * 9 + [True]),
        st.tuples(
            st.sampled_from([None, *range(-3, 6)]), st.sampled_from([None, "pro", "basic"]),
            st.sampled_from([None, float("nan"), 0.1, 0.2, 7.5]), st.sampled_from([None, T + DAY / 3]),
        ),
    )  # fmt: skip


def distinct_versions(events):
    """One version per event_id and recorded_at, as the lake holds them."""
    return list({(e[0], e[4]): (f"e{e[0]:02}", *e[1:]) for e in events}.values())


# --------------------------------------------------------------------------------------------------- the brute force


def brute_force(measure, rows, customer, moment):
    """A few plain lines that say what a measure is."""
    if measure.aggregate == "tenure":
        since = dict(roster(moment).iter_rows())[customer]
        return None if since is None else (moment - since) / DAY
    newest = {r[0]: r for r in sorted(rows, key=lambda r: r[4]) if r[4] < moment}
    mine = [r for r in newest.values() if not r[5] and r[1] == customer and r[3] < moment]
    ends = [r[3] for r in mine if r[2] == measure.finish]
    if measure.since:
        age = brute_force(measure.since, rows, customer, moment)
        mine = [r for r in mine if age is not None and (moment - r[3]) / DAY <= age]
    mine = [r for r in mine if measure.window_days is None or r[3] >= moment - measure.window_days * DAY]
    mine = [r for r in mine if measure.kind in (None, r[2]) and r[2] not in measure.other_than]
    mine = sorted(mine, key=lambda r: (r[3], r[4], r[0]))
    column = list(SCHEMA).index(measure.formula.columns[0] if measure.formula else measure.column or "kind")
    told = [r for r in mine if r[column] is not None and not (column == 8 and isnan(r[column]))]
    return HOW[measure.aggregate](measure, told, [r[column] for r in told], moment, ends) if told else None


def _slope(measure, mine, values, moment):
    days = [0.0] * measure.window_days
    for row, value in zip(mine, values, strict=True):
        days[-1 - (-((row[3] - moment) // timedelta(microseconds=1)) - 1) // 86_400_000_000] += 1 if measure.column is None else value
    middle = (len(days) - 1) / 2
    return sum((n - middle) * y for n, y in enumerate(days)) / sum((n - middle) ** 2 for n in range(len(days)))


def _unfinished(measure, mine, moment, ends):
    usual = measure.usual_hours * HOUR
    told = [r[3] for r in mine if r[3] + usual < moment]
    return sum(not any(s <= e <= s + usual for e in ends) for s in told) if told else None


def _gap_variation(gaps):
    return stdev(gaps) / fmean(gaps) if len(gaps) > 1 and sum(gaps) > 0 else None


def _gaps(mine):
    return [(b[3] - a[3]) / DAY for a, b in pairwise(mine)]


HOW = {
    "count": lambda m, mine, v, t, ends: len(mine),
    "sum": lambda m, mine, v, t, ends: sum(v),
    "min": lambda m, mine, v, t, ends: min(v),
    "max": lambda m, mine, v, t, ends: max(v),
    "mean": lambda m, mine, v, t, ends: sum(v) / len(v),
    "recency": lambda m, mine, v, t, ends: (t - mine[-1][3]) / DAY,
    "distinct_days": lambda m, mine, v, t, ends: len({r[3].date() for r in mine}),
    "last": lambda m, mine, v, t, ends: v[-1] if m.equals is None else float(v[-1] == m.equals),
    "category": lambda m, mine, v, t, ends: v[-1],
    "until": lambda m, mine, v, t, ends: (v[-1] - t) / DAY,
    "volatility": lambda m, mine, v, t, ends: stdev(v) if len(v) > 1 else None,
    "slope": lambda m, mine, v, t, ends: _slope(m, mine, v, t),
    "mean_gap": lambda m, mine, v, t, ends: fmean(_gaps(mine)) if len(mine) > 1 else None,
    "gap_variation": lambda m, mine, v, t, ends: _gap_variation(_gaps(mine)),
    "unfinished": lambda m, mine, v, t, ends: _unfinished(m, mine, t, ends),
    "formula": lambda m, mine, v, t, ends: max(v) - min(v),
}


def _or_zero(measure, rows, customer, moment):
    found = brute_force(measure, rows, customer, moment)
    return 0 if found is None and measure.aggregate in ZERO else found


def expected(what, rows, customer, moment):
    """Return a feature's number for one customer, None where missing."""
    if isinstance(what, Measure):
        return brute_force(what, rows, customer, moment)
    if isinstance(what, Peer):
        return _percentile(what, rows, customer, moment)
    over, under = {Ratio: lambda: (what.over, what.under), Share: lambda: (what.of, what.whole),
                   Trend: lambda: (what.of, longer(what))}[type(what)]()  # fmt: skip
    over, under = (_or_zero(m, rows, customer, moment) for m in (over, under))
    own = _own_days(what, rows, customer, moment) if isinstance(what, Trend) else None
    if over is None or not under or isinstance(what, Trend) and own is None:
        return None
    return over / under * (what.against_days / own if own else 1)


def _own_days(trend, rows, customer, moment):
    """Return how long a trend's own window is: its days, or those since its anchor, one at the least."""
    if trend.of.since is None:
        return trend.of.window_days
    age = brute_force(trend.of.since, rows, customer, moment)
    return None if age is None else max(age, 1.0)


def _percentile(peer, rows, customer, moment):
    group = {c: brute_force(peer.group, rows, c, moment) for c in CUSTOMERS}
    number = (_or_zero if isinstance(peer.of, Measure) else expected)
    numbers = {c: number(peer.of, rows, c, moment) for c in CUSTOMERS if group[c] == group[customer]}
    numbers = {c: round(n, 6) for c, n in numbers.items() if n is not None}
    if group[customer] is None or customer not in numbers:
        return None
    mine = numbers[customer]
    return sum(1.0 if n < mine else 0.5 if n == mine else 0.0 for n in numbers.values()) / len(numbers)


def told(*steps):
    """Events of customer a, (kind, occurred_at) each, known at once: for histories that matter too much to leave to chance."""
    return [(n, "a", kind, at, at, False, 1, "pro", 7.5, None) for n, (kind, at) in enumerate(steps)]


AT_MIDNIGHT = told(("paid", T - 2 * DAY - US), ("paid", T - 2 * DAY), ("paid", T - 2 * DAY + HOUR), ("paid", T - 7 * DAY))
STARTED = told(("failed", T - 5 * HOUR), ("failed", T - 30 * HOUR - US), ("failed", T - 2 * DAY), ("paid", T - 2 * DAY + 5 * HOUR))
