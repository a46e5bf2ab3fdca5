"""Features see what was known at the moment, and nothing later, whichever way events arrive."""

from dataclasses import replace
from datetime import timedelta

import narwhals as nw
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.errors import ConfigError, LookaheadError
from feature_store.arithmetic import finished, names_of
from feature_store.as_of import compute, known, windows
from feature_store.engines.narwhals import anchor_name, measured
from feature_store.feature import Feature, Measure, Trend, measures
from tests.feature_store.histories import (
    AT_MIDNIGHT,
    CUSTOMERS,
    DAY,
    EVERY_SHAPE,
    MOMENTS,
    STARTED,
    WHAT,
    T,
    distinct_versions,
    event,
    expected,
    features_of,
    frame,
    roster,
)


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
    rows = [("e", "a", "failed", occurred_at, recorded_at, False, 1, None, None, None)]

    assert value(Measure("s", "count", 30, kind="failed"), rows) == seen


def test_a_correction_replaces_from_then_on_and_a_deletion_removes():
    first = ("e", "a", "paid", T - 9 * DAY, T - 9 * DAY, False, 100, None, None, None)
    corrected = ("e", "a", "paid", T - 9 * DAY, T - 5 * DAY, False, 70, None, None, None)
    deleted = ("e", "a", "paid", T - 9 * DAY, T - 2 * DAY, True, 70, None, None, None)
    paid = Measure("s", "sum", 30, column="cents")

    seen = [value(paid, [first, corrected, deleted], T - n * DAY) for n in (6, 5, 4, 2, 1, 0)]

    assert seen == [100, 100, 70, 70, None, None]


def test_what_is_missing_is_what_the_feature_says():
    assert value(Measure("s", "count", 30), [], empty=0) == 0
    assert value(Measure("s", "mean", 30, column="cents"), [], empty=None) is None


def test_rows_from_the_moment_on_are_refused():
    leak = frame([("e", "a", "paid", T + DAY, T - DAY, False, 1, None, None, None)])

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
        ({"aggregate": "slope", "window_days": 28, "since": Measure("s", "recency", 28)}, "slope takes no since. Known: count"),
        ({"aggregate": "count", "window_days": 28, "since": Measure("s", "count", 28)}, "count is since a count. Give a recency"),
        ({"aggregate": "count", "window_days": 7, "since": Measure("s", "recency", 28)}, "window of 7 days, since one of 28"),
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


# --- every engine against a brute force over random histories -----------------------------------------------------


def in_duckdb(*frames):
    """Frames as tables of one DuckDB."""
    import duckdb

    connection = duckdb.connect()
    return [connection.from_arrow(frame.to_arrow()) for frame in frames]


def by_fast_path(features, rows, moment):
    return compute(features, {"s": known(frame(rows), moment)}, moment, roster(moment))


def by_exact_engine(features, rows, moment):
    return compute(features, {"s": known(frame(rows), moment)}, moment, roster(moment), tally=False)


def by_duckdb(features, rows, moment):
    """The same plan on another backend, joined and finished there as well."""
    names = names_of(m for f in features for m in measures(f))
    plain = {m: name for m, name in names.items() if m.aggregate != "tenure" and m.since is None}
    tenure = [((moment - pl.col("s")).dt.total_microseconds() / 86_400_000_000).alias(n) for m, n in names.items() if m.aggregate == "tenure"]
    wide = roster(moment).select("customer_id", *tenure).lazy()
    rows_known = known(frame(rows), moment).collect()
    for part in measured(*in_duckdb(rows_known), plain, moment):
        wide = wide.join(part.to_native().pl().lazy(), on="customer_id", how="left", maintain_order="left")
    anchored = {m: name for m, name in names.items() if m.since is not None}
    ages = wide.select("customer_id", *(pl.col(plain[a]).alias(anchor_name(a)) for a in {m.since for m in anchored})).collect()
    held, begun = in_duckdb(rows_known, ages)
    for part in measured(held, anchored, moment, begun) if anchored else ():
        wide = wide.join(part.to_native().pl().lazy(), on="customer_id", how="left", maintain_order="left")
    return finished(nw.from_native(wide), features, names).to_native().collect()


def agree(engine, events, wanted, moment):
    rows, features = distinct_versions(events), features_of(wanted)

    found = engine(features, rows, moment)

    assert found["customer_id"].to_list() == CUSTOMERS
    for n, what in enumerate(wanted):
        for customer, number in found.select("customer_id", f"f{n}").iter_rows():
            plain = expected(what, rows, customer, moment)
            assert number == (plain if plain is None else pytest.approx(plain, rel=1e-9, abs=1e-12)), (what, customer)


EVENTS = st.lists(event(), min_size=8, max_size=40) | st.lists(event(), max_size=3)
WANTED, MOMENT = st.lists(WHAT, min_size=6, max_size=9), st.sampled_from(MOMENTS)


@settings(max_examples=60, deadline=None)
@given(EVENTS, WANTED, MOMENT)
@example(AT_MIDNIGHT, EVERY_SHAPE, T)
@example(STARTED, EVERY_SHAPE, T)
def test_every_feature_equals_a_plain_loop_over_what_was_known(events, wanted, moment):
    agree(by_fast_path, events, wanted, moment)


@settings(max_examples=60, deadline=None)
@given(EVENTS, WANTED, MOMENT)
@example(AT_MIDNIGHT, EVERY_SHAPE, T)
@example(STARTED, EVERY_SHAPE, T)
def test_the_exact_engine_equals_the_plain_loop(events, wanted, moment):
    agree(by_exact_engine, events, wanted, moment)


@pytest.mark.needs("duckdb")
@settings(max_examples=12, deadline=None)
@given(EVENTS, WANTED, MOMENT)
def test_the_exact_engine_equals_the_plain_loop_on_another_backend(events, wanted, moment):
    agree(by_duckdb, events, wanted, moment)


@pytest.mark.slow
@pytest.mark.parametrize("engine", [by_fast_path, by_exact_engine])
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS, WANTED, MOMENT)
def test_every_engine_equals_the_plain_loop_over_many_histories(engine, events, wanted, moment):
    agree(engine, events, wanted, moment)


@settings(max_examples=30, deadline=None)
@given(EVENTS, WANTED)
def test_what_arrives_later_never_changes_an_old_vector(events, wanted):
    rows, features, moment = distinct_versions(events), features_of(wanted), T - 3 * DAY
    then = [r for r in rows if r[4] < moment]

    once, again = (by_fast_path(features, found, moment) for found in (then, rows))

    assert once.equals(again)


@settings(max_examples=4, deadline=None)
@given(EVENTS)
def test_no_customer_is_dropped_whoever_has_rows(events):
    rows, wanted = distinct_versions(events), features_of(EVERY_SHAPE)
    with_zero = [replace(f, empty=0.0) for f in wanted]

    for engine in (by_fast_path, by_exact_engine):
        found = engine(with_zero, rows, T)
        assert found["customer_id"].to_list() == CUSTOMERS
        assert found.null_count().sum_horizontal().item() == 0
    assert by_exact_engine(wanted, [], T).select(pl.exclude("customer_id", "f28")).null_count().row(0)[0] == len(CUSTOMERS)
