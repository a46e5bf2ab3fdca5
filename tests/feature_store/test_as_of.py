"""Features see what was known at the moment, and nothing later, whichever way events arrive."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError, LookaheadError
from feature_store.as_of import compute, known, windows
from feature_store.feature import Feature, Measure, Ratio, Trend, measures

DAY = timedelta(days=1)
T = datetime(2026, 4, 1, tzinfo=UTC)
CUSTOMERS = ["a", "b", "c"]
KINDS = ["failed", "paid", "refund", "other"]
SCHEMA = {
    "event_id": pl.String,
    "customer_id": pl.String,
    "kind": pl.String,
    "occurred_at": pl.Datetime("us", "UTC"),
    "recorded_at": pl.Datetime("us", "UTC"),
    "deleted": pl.Boolean,
    "cents": pl.Int64,
    "plan": pl.String,
}


def roster(moment):
    return pl.DataFrame({"customer_id": CUSTOMERS, "s": [moment - 100 * DAY, None, moment - DAY / 2]}).with_columns(
        pl.col("s").cast(pl.Datetime("us", "UTC"))
    )


def frame(rows):
    return pl.LazyFrame(rows, schema=SCHEMA, orient="row")


def value(measure, rows, moment=T, empty=None):
    found = compute([Feature("f", measure, empty)], {"s": known(frame(rows), moment)}, moment, roster(moment))
    return dict(found.iter_rows())["a"]


@pytest.mark.parametrize(
    ("occurred_at", "recorded_at", "seen"),
    [
        pytest.param(T - 2 * DAY, T - 2 * DAY, 1, id="known in time"),
        pytest.param(T - 2 * DAY, T + DAY, None, id="happened before, arrived after"),
        pytest.param(T - 2 * DAY, T, None, id="recorded at the very moment is too late"),
        pytest.param(T - DAY, T - timedelta(microseconds=1), 1, id="a bare date of the last day is known at its end"),
        pytest.param(T - 30 * DAY, T - 29 * DAY, 1, id="exactly one window ago"),
        pytest.param(T - 30 * DAY - timedelta(microseconds=1), T - 29 * DAY, None, id="just outside the window"),
    ],
)
def test_an_event_counts_only_once_it_is_known(occurred_at, recorded_at, seen):
    rows = [("e", "a", "failed", occurred_at, recorded_at, False, 1, None)]

    assert value(Measure("s", "count", 30, kind="failed"), rows) == seen


def test_a_correction_replaces_from_then_on_and_a_deletion_removes():
    first = ("e", "a", "paid", T - 9 * DAY, T - 9 * DAY, False, 100, None)
    corrected = ("e", "a", "paid", T - 9 * DAY, T - 5 * DAY, False, 70, None)
    deleted = ("e", "a", "paid", T - 9 * DAY, T - 2 * DAY, True, 70, None)
    paid = Measure("s", "sum", 30, column="cents")

    seen = [value(paid, [first, corrected, deleted], T - n * DAY) for n in (6, 5, 4, 2, 1, 0)]

    assert seen == [100, 100, 70, 70, None, None]


def test_what_is_missing_is_what_the_feature_says():
    assert value(Measure("s", "count", 30), [], empty=0) == 0
    assert value(Measure("s", "mean", 30, column="cents"), [], empty=None) is None


def test_rows_from_the_moment_on_are_refused():
    leak = frame([("e", "a", "paid", T + DAY, T - DAY, False, 1, None)])

    with pytest.raises(LookaheadError, match="s: a row of 2026-04-02T00:00:00"):
        compute([Feature("f", Measure("s", "count", 30))], {"s": leak}, T, roster(T))


def test_a_window_cannot_reach_past_the_moment():
    with pytest.raises(LookaheadError, match="window_days is -7"):
        Measure("s", "count", -7)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"aggregate": "cuont", "window_days": 7}, "aggregate 'cuont' does not exist. Did you mean 'count'"),
        ({"aggregate": "sum", "window_days": 7}, "sum needs a column"),
        ({"aggregate": "count", "window_days": 7, "column": "cents"}, "count takes no column, got 'cents'"),
        ({"aggregate": "count"}, "count needs window_days"),
    ],
)
def test_a_measure_that_cannot_be_computed_says_why(wrong, says):
    with pytest.raises(ConfigError, match=says):
        Measure("s", **wrong)


def test_each_source_is_read_as_far_back_as_its_widest_window():
    features = [
        Feature("a", Trend(Measure("x", "count", 7), 28)),
        Feature("b", Measure("x", "recency", 14)),
        Feature("c", Measure("y", "last", column="plan", equals="pro")),
        Feature("d", Measure("z", "tenure")),
    ]

    assert windows(features) == {"x": 28, "y": None}


# --- every aggregate against a brute force over random histories -------------------------------------------------

OF_KIND = st.sampled_from([{}, {"kind": "failed"}, {"kind": "paid"}, {"other_than": ("failed", "paid")}])
PLAIN = st.builds(
    lambda spec, days, narrow: Measure("s", window_days=days, **spec, **narrow),
    st.sampled_from(
        [{"aggregate": a} for a in ("count", "distinct_days", "recency")]
        + [{"aggregate": a, "column": "cents"} for a in ("sum", "mean", "min", "max", "last")]
        + [{"aggregate": "last", "column": "plan", "equals": "pro"}]
    ),
    st.sampled_from([1, 2, 7, 28]),
    OF_KIND,
)
WHAT = st.one_of(
    PLAIN,
    st.just(Measure("s", "tenure")),
    st.just(Measure("s", "last", column="cents")),
    st.builds(Ratio, PLAIN, PLAIN),
    st.builds(lambda narrow: Trend(Measure("s", "count", 7, **narrow), 28), OF_KIND),
)
HOURS = st.integers(-1000, 40)


@st.composite
def event(draw):
    occurred_at = T + draw(HOURS) * timedelta(hours=1)
    if draw(st.booleans()):  # a bare date: 00:00 of its day, recorded at its end
        occurred_at = occurred_at.replace(hour=0)
        recorded_at = occurred_at + DAY - timedelta(microseconds=1)
    else:
        recorded_at = occurred_at + draw(st.sampled_from([0, 1, 30, 300])) * timedelta(hours=1)
    who, kind = draw(st.sampled_from(CUSTOMERS)), draw(st.sampled_from(KINDS))
    cents, plan = draw(st.none() | st.integers(-5, 5)), draw(st.none() | st.sampled_from(["pro", "basic"]))
    return (draw(st.integers(0, 12)), who, kind, occurred_at, recorded_at, draw(st.integers(0, 9)) == 0, cents, plan)


def distinct_versions(events):
    """One version per event_id and recorded_at, as the lake holds them."""
    return list({(e[0], e[4]): (f"e{e[0]:02}", *e[1:]) for e in events}.values())


def brute_force(measure, rows, customer, moment):
    """Ten plain lines that say what a measure is."""
    if measure.aggregate == "tenure":
        since = dict(roster(moment).iter_rows())[customer]
        return None if since is None else (moment - since) / DAY
    newest = {r[0]: r for r in sorted(rows, key=lambda r: r[4]) if r[4] < moment}
    mine = [r for r in newest.values() if not r[5] and r[1] == customer and r[3] < moment]
    mine = [r for r in mine if measure.window_days is None or r[3] >= moment - measure.window_days * DAY]
    mine = [r for r in mine if measure.kind in (None, r[2]) and r[2] not in measure.other_than]
    mine = sorted(mine, key=lambda r: (r[3], r[4], r[0]))
    column = {"cents": 6, "plan": 7}.get(measure.column)
    values = [r[column] for r in mine if r[column] is not None] if column else mine
    how = {
        "count": len, "sum": sum, "min": min, "max": max, "mean": lambda v: sum(v) / len(v),
        "recency": lambda v: (moment - v[-1][3]) / DAY, "distinct_days": lambda v: len({r[3].date() for r in v}),
        "last": lambda v: v[-1] if measure.equals is None else float(v[-1] == measure.equals),
    }  # fmt: skip
    return how[measure.aggregate](values) if values else None


def expected(what, rows, customer, moment):
    if isinstance(what, Measure):
        return brute_force(what, rows, customer, moment)
    zero = {"count", "sum", "distinct_days"}
    over, under = (
        found if found is not None or m.aggregate not in zero else 0
        for m in measures(Feature("f", what))
        for found in [brute_force(m, rows, customer, moment)]
    )
    if over is None or not under:
        return None
    return over / under * (what.against_days / what.of.window_days if isinstance(what, Trend) else 1)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(event(), max_size=40),
    st.lists(WHAT, min_size=1, max_size=6),
    st.sampled_from([T, T - DAY, T - 5 * DAY - timedelta(hours=7, minutes=13)]),
)
def test_every_measure_equals_a_plain_loop_over_what_was_known(events, wanted, moment):
    rows = distinct_versions(events)
    features = [Feature(f"f{n}", what) for n, what in enumerate(wanted)]

    found = compute(features, {"s": known(frame(rows), moment)}, moment, roster(moment))

    for n, what in enumerate(wanted):
        for customer, number in found.select("customer_id", f"f{n}").iter_rows():
            plain = expected(what, rows, customer, moment)
            assert number == (plain if plain is None else pytest.approx(plain, rel=1e-12)), (what, customer)


@settings(max_examples=40, deadline=None)
@given(st.lists(event(), max_size=30), st.lists(PLAIN, min_size=1, max_size=4))
def test_what_arrives_later_never_changes_an_old_vector(events, wanted):
    rows = distinct_versions(events)
    features = [Feature(f"f{n}", what) for n, what in enumerate(wanted)]
    moment = T - 3 * DAY
    then = [r for r in rows if r[4] < moment]

    once, again = (compute(features, {"s": known(frame(r), moment)}, moment, roster(moment)) for r in (then, rows))

    assert once.equals(again)
