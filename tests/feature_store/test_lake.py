"""The lake shows what was known at a moment; what comes later never changes what was seen before."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from core.errors import MissingError
from feature_store import bookkeeping, lake, tables


def plans(company, before, since=None):
    """Return {event_id: plan} as known before a moment."""
    found = lake.scan(company, "billing", before=before, since=since).collect()
    return {row["event_id"]: row["plan"] for row in found.sort("event_id").iter_rows(named=True)}


def close(company, day):
    """Close a day without asking whether it was pulled."""
    rows = pl.DataFrame({"source": ["billing"], "day": [day], "replay": [False]}, schema=bookkeeping.DAYS)
    known = tables.read(tables.place(company, "_days"))
    tables.replace_rows(tables.place(company, "_days"), pl.concat([known.select(rows.columns), rows]) if known.width else rows)


def test_an_event_is_seen_from_the_moment_it_was_recorded(company, lake_rows, at, on):
    lake.add(company, "billing", lake_rows(("a", at(1, 8), at(1, 9, 30), on(1), "gold", False)), first=on(1), last=on(1))

    assert plans(company, at(1, 9, 30)) == {}
    assert plans(company, at(1, 9, 31)) == {"a": "gold"}
    assert plans(company, at(9), since=at(1, 8)) == {"a": "gold"}
    assert plans(company, at(9), since=at(1, 9)) == {}


def test_a_correction_and_a_deletion_count_from_when_they_were_known(company, lake_rows, at, on):
    for day, plan, deleted in [(1, "gold", False), (2, "silver", False), (3, "silver", True)]:
        row = ("a", at(1, 8), at(day, 9), on(day), plan, deleted)
        lake.add(company, "billing", lake_rows(row), first=on(day), last=on(day))

    assert [plans(company, at(day)) for day in (2, 3, 4)] == [{"a": "gold"}, {"a": "silver"}, {}]


def test_a_late_row_never_changes_an_old_scan(company, lake_rows, at, on):
    lake.add(company, "billing", lake_rows(("a", at(1, 8), at(1, 9), on(1), "gold", False)), first=on(1), last=on(1))
    before = lake.scan(company, "billing", before=at(2)).collect()
    lake.add(company, "billing", lake_rows(("late", at(1, 7), at(2, 9), on(2), "gold", False)), first=on(2), last=on(2))

    assert lake.scan(company, "billing", before=at(2)).collect().equals(before)
    assert plans(company, at(3)) == {"a": "gold", "late": "gold"}


def test_a_rerun_leaves_one_copy(company, lake_rows, at, on):
    rows = lake_rows(("a", at(1, 8), at(1, 9), on(1), "gold", False), ("b", at(2, 8), at(2, 9), on(2), "gold", False))
    for _ in range(3):
        added = lake.add(company, "billing", rows, first=on(1), last=on(2))

    assert (added.kept, added.dropped, added.changed) == (2, {}, False)
    assert lake.scan(company, "billing", before=at(9)).collect().height == 2


def test_a_rerun_without_any_rows_empties_the_open_days(company, lake_rows, at, on):
    rows = lake_rows(("a", at(1, 8), at(1, 9), on(1), "gold", False))
    lake.add(company, "billing", rows, first=on(1), last=on(1))
    lake.add(company, "billing", rows.clear(), first=on(1), last=on(1))

    assert plans(company, at(9)) == {}


def test_a_replaced_file_is_still_on_disk_and_never_read(company, lake_rows, at, on):
    for plan in ("gold", "silver"):
        row = ("a", at(1, 8), at(1, 9), on(1), plan, False)
        lake.add(company, "billing", lake_rows(row), first=on(1), last=on(1))

    assert len(list((company.root / "lake" / "billing").rglob("*.parquet"))) == 2
    assert plans(company, at(9)) == {"a": "silver"}


def test_rows_of_partitions_after_the_moment_are_not_opened(company, lake_rows, at, on):
    for day in (1, 2):
        row = (f"e{day}", at(day, 8), at(day, 9), on(day), "gold", False)
        lake.add(company, "billing", lake_rows(row), first=on(day), last=on(day))
    for file in (company.root / "lake" / "billing" / "recorded_on=2026-01-02").rglob("*.parquet"):
        file.write_bytes(b"not to be opened")

    assert plans(company, at(2)) == {"e1": "gold"}


def test_ids_have_no_statistics_in_the_log_nor_in_the_files(company, lake_rows, at, on):
    lake.add(company, "billing", lake_rows(("a", at(1, 8), at(1, 9), on(1), "gold", False)), first=on(1), last=on(1))
    folder = company.root / "lake" / "billing"
    log = "".join(file.read_text() for file in (folder / "_delta_log").glob("*.json"))
    file = next(folder.rglob("*.parquet"))

    assert "customer-a" not in log
    assert file.read_bytes().count(b"customer-a") == 1  # the value itself, and no bounds in the footer


def test_a_column_that_comes_later_is_empty_in_older_rows(company, lake_rows, at, on):
    lake.add(company, "billing", lake_rows(("a", at(1, 8), at(1, 9), on(1), "gold", False)), first=on(1), last=on(1))
    row = lake_rows(("b", at(2, 8), at(2, 9), on(2), "gold", False)).with_columns(minutes=pl.lit(1.5))
    lake.add(company, "billing", row, first=on(2), last=on(2))

    found = lake.scan(company, "billing", before=at(9)).select("event_id", "minutes").sort("event_id").collect()
    assert found.rows() == [("a", None), ("b", 1.5)]


def test_a_source_never_pulled_has_no_rows(company, at):
    assert lake.scan(company, "billing", before=at(9), since=at(1)).collect().is_empty()


def test_an_event_of_the_future_is_found_however_early_it_was_recorded(company, lake_rows, at, on):
    lake.add(company, "billing", lake_rows(("a", at(20), at(1, 9), on(1), "gold", False)), first=on(1), last=on(1))
    lake.add(company, "billing", lake_rows(("a", at(4), at(5, 9), on(5), "silver", False)), first=on(5), last=on(5))

    assert plans(company, at(28), since=at(18)) == {}  # corrected to an earlier day
    assert plans(company, at(28), since=at(3)) == {"a": "silver"}


def test_a_row_is_never_dropped_for_one_of_a_later_day(company, lake_rows, at, on):
    for day, known_at in [(5, at(5, 9)), (3, at(8, 9))]:  # the later day comes first, and says the same, known earlier
        lake.add(company, "billing", lake_rows(("a", at(1), known_at, on(day), "gold", False)), first=on(day), last=on(day))
    lake.add(company, "billing", lake_rows().clear(), first=on(5), last=on(5))

    assert [plans(company, at(day)) for day in (8, 9)] == [{}, {"a": "gold"}]


def test_a_folder_removed_and_filled_again_is_seen_anew(company, lake_rows, at, on, tmp_path):
    row = lake_rows(("a", at(1, 8), at(1, 9), on(1), "gold", False))
    lake.add(company, "billing", row, first=on(1), last=on(1))
    lake.add(company, "billing", row, first=on(1), last=on(1))
    (company.root / "lake" / "billing").rename(tmp_path / "gone")
    lake.add(company, "billing", lake_rows(("b", at(1, 8), at(1, 9), on(1), "gold", False)), first=on(1), last=on(1))

    assert plans(company, at(9)) == {"b": "gold"}


def test_a_day_cannot_be_closed_before_every_source_was_pulled(company, source_file):
    source_file("billing", 'role = "billing"\npath = "x"\nhistory_until = 2026-01-01\ncustomer_id = "c"\nevent_id = "e"\n'
                           '[[event]]\nkind = "paid"\noccurred_at = "t"\n')  # fmt: skip

    with pytest.raises(MissingError, match=r"billing: 2026-01-03 was not pulled.*beforehand pull --from 2026-01-03"):
        lake.close_day(["billing"], day="2026-01-03", settings=company)


# ------------------------------------------------------------------------------- against brute force, on random days

START = datetime(2026, 1, 1, tzinfo=UTC)
ids, plan_names = st.sampled_from(["a", "b"]), st.sampled_from(["gold", "silver", "iron"])
row = st.tuples(ids, plan_names, st.booleans(), st.integers(-30, 40), st.integers(0, 23), st.sampled_from([0, 0, 1, 3]))
step = st.one_of(
    st.tuples(st.just("pull"), st.integers(0, 3), st.lists(row, min_size=1, max_size=4)),
    st.tuples(st.just("pull"), st.integers(0, 3), st.lists(row, min_size=1, max_size=4)),
    st.tuples(st.just("close"), st.integers(0, 4), st.none()),
)


class Brute:
    """Every row ever delivered for a day, and the newest of them at a moment: no fingerprints, no files."""

    def __init__(self):
        self.rows, self.delivered, self.closed = [], {}, -1

    def recorded(self, day, hour, later):
        stated = START + timedelta(days=day + later, hours=hour)
        reopened = START + timedelta(days=self.closed + 2, microseconds=-1)
        return stated if day + later > self.closed else reopened

    def pull(self, day, rows):
        self.delivered[day] = rows
        self.rows = [r for r in self.rows if r[3] != day or r[4] < START + timedelta(days=self.closed + 1)]
        kept = {(r[0], r[1]) for r in self.rows if r[3] == day}
        last = {}  # of rows that became known at one moment, the one that says so last
        for n, (name, plan, deleted, occurred, hour, later) in enumerate(rows):
            content, stated = (plan, deleted, START + timedelta(hours=occurred)), START + timedelta(days=day + later, hours=hour)
            entry = (stated, n, content)
            moment = (name, self.recorded(day, hour, later))
            last[moment] = max(last.get(moment, entry), entry, key=lambda e: e[:2])
        for (name, recorded), (stated, n, content) in last.items():
            if (name, content) not in kept:
                self.rows.append((name, content, n, day, recorded, stated))

    def seen(self, before, since):
        newest = {}
        for name, content, _n, _day, _recorded, _stated in sorted(
            (r for r in self.rows if r[4] < before), key=lambda r: (r[4], r[3], r[5], r[2])
        ):
            newest[name] = content
        return {k: plan for k, (plan, deleted, at) in newest.items() if not deleted and since <= at < before}


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(step, min_size=3, max_size=8), cuts=st.lists(st.tuples(st.integers(0, 24 * 8), st.sampled_from([24, 48, 96])), min_size=3, max_size=3))
def test_what_is_seen_is_what_brute_force_sees(company, tmp_path_factory, steps, cuts):
    company = company.model_copy(update={"storage": company.storage.model_copy(
        update={"root": str(tmp_path_factory.mktemp("lake"))})})  # fmt: skip
    brute = Brute()

    def pull(day, rows):
        brute.pull(day, rows)
        return lake.add(company, "billing", as_rows(brute, day, rows), first=a_day(day), last=a_day(day))

    for what, day, rows in steps:
        if what == "close":
            if day > brute.closed:
                brute.closed = day
                close(company, a_day(day))
        elif pull(day, rows).changed:
            for later in sorted(d for d in brute.delivered if d > max(day, brute.closed)):
                pull(later, brute.delivered[later])

    for hours, window in [*cuts, *((24 * day + 7, 1000) for day in range(1, 8))]:
        before = START + timedelta(hours=hours)
        since = before - timedelta(hours=window)
        assert plans(company, before, since) == brute.seen(before, since)


def a_day(day):
    return (START + timedelta(days=day)).date()


def as_rows(brute, day, rows):
    made = [
        (name, name, "changed", START + timedelta(hours=occurred), brute.recorded(day, hour, later),
         START + timedelta(days=day + later, hours=hour), a_day(day), deleted, plan)
        for name, plan, deleted, occurred, hour, later in rows
    ]  # fmt: skip
    schema = {
        "event_id": pl.String, "customer_id": pl.String, "kind": pl.String, "occurred_at": pl.Datetime("us", "UTC"),
        "recorded_at": pl.Datetime("us", "UTC"), "stated_at": pl.Datetime("us", "UTC"), "batch": pl.Date,
        "deleted": pl.Boolean, "plan": pl.String,
    }  # fmt: skip
    return pl.DataFrame(made, schema=schema, orient="row")
