"""One pass over the lake's files gives what the exact engine gives of each moment's rows, to the last whole number."""

from datetime import UTC, datetime, timedelta

import polars as pl
import polars.testing
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from feature_store import lake
from feature_store.as_of import compute, compute_each, windows
from feature_store.feature import Feature, Measure, Ratio, Trend
from feature_store.roster import roster

START = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("failed", "paid", "refund", None)
NARROW = ({}, {"kind": "failed"}, {"kind": "paid"}, {"other_than": ("failed", "paid")})
OF_COLUMN = [(a, c) for a in ("sum", "mean", "min", "max", "last") for c in ("cents", "hours")]
MEASURES = [
    *(Measure("s", a, d, **n) for a in ("count", "recency", "distinct_days") for d in (1, 3, 8) for n in NARROW),
    *(Measure("s", a, d, column=c, **n) for a, c in OF_COLUMN for d in (1, 3, 8) for n in NARROW),
    Measure("s", "last", 8, column="plan", equals="pro"),
    Measure("s", "tenure"),
]
UNBOUNDED = [Measure("s", "last", column="cents"), Measure("s", "recency", kind="paid"), Measure("s", "count", 3)]
FEATURES = [
    *(Feature(f"f{n}", m) for n, m in enumerate(MEASURES)),
    Feature("ratio", Ratio(Measure("s", "sum", 3, column="cents"), Measure("s", "count", 8))),
    Feature("trend", Trend(Measure("s", "count", 3, kind="paid"), 8), empty=1),
]
SCHEMA = {
    "event_id": pl.String, "customer_id": pl.String, "kind": pl.String, "occurred_at": pl.Datetime("us", "UTC"),
    "recorded_at": pl.Datetime("us", "UTC"), "stated_at": pl.Datetime("us", "UTC"), "batch": pl.Date,
    "deleted": pl.Boolean, "cents": pl.Int64, "hours": pl.Float64, "plan": pl.String,
}  # fmt: skip


@st.composite
def event(draw, day):
    """One row of a day's pull; several rows of one event_id are corrections of it."""
    late = draw(st.sampled_from([0, 0, 0, 1, 2, 6, -1, -3]))  # days from occurring until then; below zero: planned ahead
    occurred_at = START + timedelta(days=day - late, hours=draw(st.integers(0, 23)))
    recorded_at = START + timedelta(days=day, hours=draw(st.integers(0, 23)))
    return (
        f"e{draw(st.integers(0, 9))}", draw(st.sampled_from("abcd")), draw(st.sampled_from(KINDS)), occurred_at, recorded_at,
        recorded_at, recorded_at.date(), draw(st.sampled_from([False, False, False, True])),
        draw(st.none() | st.integers(-5, 5)), draw(st.sampled_from([None, 0.5, -1.25, 2.0])),
        draw(st.sampled_from([None, "pro", "basic"])),
    )  # fmt: skip


pulls = st.integers(0, 12).flatmap(lambda day: st.tuples(st.just(day), st.lists(event(day), min_size=1, max_size=7)))
history = st.lists(pulls, min_size=1, max_size=7)


def lay(company, steps, source="s"):
    """Pull the days, oldest first; a day pulled twice is written anew."""
    for day, rows in sorted(steps, key=lambda step: step[0]):
        frame = pl.DataFrame(rows, schema=SCHEMA, orient="row").unique(["event_id", "recorded_at"], keep="last")
        lake.add(company, source, frame, first=a_day(day), last=a_day(day))


def a_day(number):
    return (START + timedelta(days=number)).date()


def fresh(company, tmp_path_factory):
    storage = company.storage.model_copy(update={"root": str(tmp_path_factory.mktemp("lake"))})
    return company.model_copy(update={"storage": storage})


def looks(company):
    return lambda source, moment, since: lake.look(company, source, before=moment, since=since)


def exactly(company, features, moment):
    """What the exact engine says of the rows that a scan of the lake gives."""
    frames = {}
    for source, days in windows(features).items():
        since = None if days is None else moment - timedelta(days=days)
        frames[source] = lake.scan(company, source, before=moment, since=since)
    return compute(features, frames, moment, known(company)(moment))


def known(company):
    return lambda moment: roster(company, ["s"], moment)


def check(company, features, moments):
    found = compute_each(features, looks(company), moments, known(company))
    for moment, got in zip(sorted(moments), found, strict=True):
        pl.testing.assert_frame_equal(got, exactly(company, features, moment), rel_tol=1e-12, abs_tol=0)


SLOWLY = settings(max_examples=6, phases=[Phase.explicit, Phase.generate], deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOWLY
@given(history, st.lists(st.integers(1, 20), min_size=1, max_size=4, unique=True), st.booleans())
def test_many_midnights_in_one_pass_equal_each_on_its_own(company, tmp_path_factory, steps, days, unbounded):
    company = fresh(company, tmp_path_factory)
    lay(company, steps)
    features = [*FEATURES, *(Feature(f"u{n}", m) for n, m in enumerate(UNBOUNDED))] if unbounded else FEATURES

    check(company, features, [START + timedelta(days=day) for day in days])


@SLOWLY
@given(history, st.integers(12, 24 * 16))
def test_a_moment_within_a_day_sees_what_was_known_by_then(company, tmp_path_factory, steps, hours):
    company = fresh(company, tmp_path_factory)
    lay(company, steps)

    check(company, FEATURES, [START + timedelta(hours=hours, minutes=17)])


SLIDING = [
    *(Feature(f"n{n}", m) for n, m in enumerate(MEASURES) if m.column != "hours" and m.aggregate not in ("min", "max")),
    *FEATURES[-2:],
]


@SLOWLY
@given(history, st.lists(st.sampled_from([1, 1, 1, 2, 3, 9]), min_size=2, max_size=6))
def test_a_day_made_from_the_day_before_equals_one_made_afresh(company, tmp_path_factory, steps, strides):
    company, kept = fresh(company, tmp_path_factory), tmp_path_factory.mktemp("kept")
    number, steps = 0, sorted(steps, key=lambda step: step[0])
    for stride in strides:
        ready, steps = [s for s in steps if s[0] < number + stride], [s for s in steps if s[0] >= number + stride]
        number += stride
        lay(company, ready)
        moment = START + timedelta(days=number)
        if not lake.schema(company, "s"):
            continue
        got = next(compute_each(SLIDING, looks(company), [moment], known(company), kept=kept))

        pl.testing.assert_frame_equal(got, exactly(company, SLIDING, moment), rel_tol=1e-12, abs_tol=0)


SINCE = [
    Feature("rows", Measure("s", "count", 8, since=Measure("other", "recency", 8, kind="paid"))),
    Feature("pace", Trend(Measure("s", "count", 8, kind="failed", since=Measure("other", "recency", 3)), 8), empty=1),
    Feature("own", Measure("s", "sum", 8, column="cents", since=Measure("s", "recency", 8, kind="refund"))),
    Feature("of_nothing", Measure("absent", "count", 8, since=Measure("s", "recency", 8))),
    Feature("since_nothing", Measure("s", "count", 8, since=Measure("absent", "recency", 8))),
]


@SLOWLY
@given(history, history, st.lists(st.integers(1, 20), min_size=1, max_size=3, unique=True))
def test_use_since_an_event_of_another_source_is_the_same_in_one_pass(company, tmp_path_factory, steps, others, days):
    company = fresh(company, tmp_path_factory)
    lay(company, steps)
    lay(company, others, source="other")
    everyone = lambda moment: roster(company, ["s", "other"], moment)
    moments = sorted(START + timedelta(days=day) for day in days)

    for moment, got in zip(moments, compute_each(SINCE, looks(company), moments, everyone), strict=True):
        frames = {s: lake.scan(company, s, before=moment, since=moment - timedelta(days=8)) for s in ("s", "other")}
        frames["absent"] = frames["s"].clear()
        pl.testing.assert_frame_equal(got, compute(SINCE, frames, moment, everyone(moment), tally=False), rel_tol=1e-12, abs_tol=0)


def test_more_rows_than_a_small_cell_counts(company):
    at = START + timedelta(hours=1)
    rows = [(f"e{n}", "a", "paid", at, at, at, at.date(), False, 1, 0.5, None) for n in range(70_000)]
    lake.add(company, "s", pl.DataFrame(rows, schema=SCHEMA, orient="row"), first=a_day(0), last=a_day(0))

    check(company, FEATURES, [START + timedelta(days=1), START + timedelta(days=2)])


def test_two_sources_never_answer_for_each_other(company):
    at = START + timedelta(hours=1)
    for source, many in (("s", 3), ("t", 5)):
        rows = [(f"e{n}", "a", "paid", at, at, at, at.date(), False, n, 0.5, None) for n in range(many)]
        lake.add(company, source, pl.DataFrame(rows, schema=SCHEMA, orient="row"), first=a_day(0), last=a_day(0))
    features = [Feature(source, Measure(source, "count", 3)) for source in "ts"]
    both = lambda moment: roster(company, ["s", "t"], moment)

    found = next(compute_each(features, looks(company), [START + timedelta(days=1)], both))

    assert found.rows() == [("a", 5.0, 3.0)]


def test_files_from_before_rows_were_in_order_are_read_too(company, monkeypatch):
    at = START + timedelta(hours=1)
    rows = [(f"e{n}", f"c{n % 7}", "paid", at, at, at, at.date(), False, n, 0.5, None) for n in range(50)]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    with monkeypatch.context() as old:
        whole = lake.versions.with_fingerprints
        old.setattr(lake.versions, "with_fingerprints", lambda rows: whole(rows).with_columns(customer_hash=pl.col("n").cast(pl.Int64)))
        commit = lake._commit
        old.setattr(lake, "_commit", lambda s, u, rows, p: commit(s, u, rows.drop("customer_hash"), p))
        lake.add(company, "s", frame, first=a_day(0), last=a_day(0))

    check(company, FEATURES, [START + timedelta(days=1)])


def test_what_is_planned_for_the_very_midnight_belongs_to_the_day_that_begins(company, tmp_path_factory):
    company, midnight = fresh(company, tmp_path_factory), START + timedelta(days=3)
    rest = (midnight - timedelta(days=1), (midnight - timedelta(days=1)).date(), False, 3, 0.5, "pro")
    lay(company, [(1, [("e0", "a", "paid", START, START, START, START.date(), False, 1, 0.5, "basic")]),
                  (2, [("e1", "a", "failed", midnight, midnight - timedelta(days=1), *rest)])])  # fmt: skip

    check(company, FEATURES, [midnight])
    check(company, FEATURES, [midnight, midnight + timedelta(days=1)])
