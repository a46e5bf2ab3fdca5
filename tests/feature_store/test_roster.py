"""Everybody we ever heard of by a moment is known at it, and since when."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store import lake
from feature_store import roster as module
from feature_store.roster import STAIRS, lengthened, roster, since_when, stairs


def test_a_customer_is_known_from_the_first_event_recorded_in_any_source(company, lake_rows, at, on):
    early = lake_rows(("a", at(1, 8), at(1, 9), on(1), "gold", False), ("b", at(2, 8), at(2, 9), on(2), "gold", False))
    lake.add(company, "billing", early, first=on(1), last=on(2))
    lake.add(company, "app", lake_rows(("b", at(1, 5), at(3), on(3), "gold", False)), first=on(3), last=on(3))

    assert roster(company, ["billing", "app"], at(2)).rows() == [("customer-a", at(1, 8), None)]
    assert roster(company, ["billing", "app"], at(4)).rows() == [("customer-a", at(1, 8), None), ("customer-b", at(2, 8), at(1, 5))]


def test_a_row_that_comes_late_moves_the_first_day_from_then_on(company, lake_rows, at, on):
    lake.add(company, "billing", lake_rows(("a", at(4), at(4), on(4), "gold", False)), first=on(4), last=on(4))
    before = roster(company, ["billing"], at(5))
    late = lake_rows(("a", at(1), at(6), on(6), "gold", False)).with_columns(event_id=pl.lit("late"))
    lake.add(company, "billing", late, first=on(6), last=on(6))

    assert before.rows() == [("customer-a", at(4))]
    assert roster(company, ["billing"], at(5)).rows() == [("customer-a", at(4))]
    assert roster(company, ["billing"], at(7)).rows() == [("customer-a", at(1))]


def test_another_process_reads_the_new_files_alone(company, lake_rows, at, on):
    lake.add(company, "billing", lake_rows(("a", at(1), at(1), on(1), "gold", False)), first=on(1), last=on(1))
    roster(company, ["billing"], at(3))
    lake.add(company, "billing", lake_rows(("b", at(2), at(2), on(2), "gold", False)), first=on(2), last=on(2))
    for file in (company.root / "lake" / "billing" / "recorded_on=2026-01-01").rglob("*.parquet"):
        file.write_bytes(b"not to be opened")
    module._KEPT.clear()

    assert roster(company, ["billing"], at(3)).rows() == [("customer-a", at(1)), ("customer-b", at(2))]


def test_what_is_kept_does_not_outlive_rows_that_were_replaced(company, lake_rows, at, on):
    lake.add(company, "billing", lake_rows(("a", at(1), at(1), on(1), "gold", False)), first=on(1), last=on(1))
    roster(company, ["billing"], at(3))
    lake.add(company, "billing", lake_rows(("b", at(1), at(1), on(1), "gold", False)), first=on(1), last=on(1))
    module._KEPT.clear()

    assert roster(company, ["billing"], at(3)).rows() == [("customer-b", at(1))]


entry = st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(0, 20))


def frame_of(rows, start=datetime(2026, 1, 1, tzinfo=UTC)):
    instants = [(who, start + timedelta(hours=max(r, o)), start + timedelta(hours=o)) for who, r, o in rows]
    return pl.DataFrame(instants, schema=STAIRS, orient="row")


@settings(deadline=None)
@given(st.lists(entry, max_size=25), st.integers(0, 25))
def test_the_rows_kept_say_as_much_as_all_rows(rows, hour):
    frame, moment = frame_of(rows), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)

    from_all = since_when({"first_at": frame}, moment)

    assert since_when({"first_at": stairs(frame)}, moment).equals(from_all)


@settings(deadline=None)
@given(st.lists(st.lists(entry, max_size=10), max_size=4), st.booleans(), st.integers(0, 90))
def test_rows_read_in_several_goes_say_as_much_as_read_at_once(goes, in_order, hour):
    if in_order:  # as nightly pulls bring them: each go was recorded after the one before
        goes = [[(who, 21 * n + r, o) for who, r, o in go] for n, go in enumerate(goes)]
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    kept = frame_of([])
    for go in goes:
        kept = lengthened(kept, frame_of(go))

    from_all = since_when({"first_at": frame_of([row for go in goes for row in go])}, moment)

    assert since_when({"first_at": kept}, moment).equals(from_all)
