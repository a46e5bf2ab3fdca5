"""Pulling: counts reconcile, a bad day stops, a rerun leaves one copy, a closed day stays closed."""

import json
from datetime import timedelta

import polars as pl
import pytest

from core.errors import ConfigError, GateError
from feature_store import lake
from feature_store.pull import pull_day, pull_days

BILLING = """
role = "billing"
path = "{root}/raw/{day}.csv"
customer_id = "account"
event_id = "id"
recorded_at = "seen"
quarantine_at_most = 0.4
history_until = 2026-01-03

[[event]]
kind = "paid"
occurred_at = "at"
columns = { plan = "plan" }
"""
HEAD = "id,account,at,seen,plan\n"


@pytest.fixture
def pull(company, source_file, deliver, on):
    """Deliver rows (id, at, seen, plan) for some days of January and pull them."""
    source_file("billing", BILLING)

    def run(days):
        for day, rows in days.items():
            deliver(f"2026-01-{day:02}.csv", HEAD + "".join(f"{i},c-{i},{at},{seen},{plan}\n" for i, at, seen, plan in rows))
        return pull_days("billing", first=on(min(days)), last=on(max(days)), settings=company)

    return run


def close(company, on, first, last):
    lake.close_days(company, on(first), on(last))


def known(company, moment, column="plan"):
    found = lake.scan(company, "billing", before=moment).collect().sort("event_id")
    return dict(found.select("event_id", column).iter_rows()) if found.height else {}


def reconciles(report):
    return report.read == report.kept + report.quarantined + sum(report.dropped.values())


def a_row(name, day, hour=9, plan="gold"):
    return (name, f"2026-01-{day:02} {hour:02}:00", f"2026-01-{day:02} {hour:02}:30", plan)


def test_every_row_read_is_kept_quarantined_or_dropped_by_a_named_rule(pull, company, at):
    bad = [("b1", "never", "2026-01-04", "gold"), ("", "2026-01-04", "2026-01-04", "gold"), ("b3", "2026-01-06", "2026-01-04", "gold")]
    good = [a_row("a", 4), a_row("a", 4), a_row("a", 4, plan="silver"), *(a_row(f"g{n}", 4) for n in range(6))]
    pull({3: [a_row("old", 3)]})
    report = pull({4: [*good, *bad, a_row("old", 3)]})

    assert (report.read, report.kept, report.quarantined) == (13, 7, 3)
    assert report.dropped == {"seen_before": 1, "superseded": 2}
    assert reconciles(report)
    told = pl.read_parquet(company.root / "quarantine" / "billing" / "2026-01-04.parquet").sort("row")
    assert told["row"].to_list() == [10, 11, 12]
    assert [reason.partition(":")[0] for reason in told["reason"]] == ["occurred_at", "event_id is empty", "occurred_at lies after recorded_at"]
    assert told["file"].str.ends_with("raw/2026-01-04.csv").all()
    assert json.loads(told["original"][0]) == {"id": "b1", "account": "c-b1", "at": "never", "seen": "2026-01-04", "plan": "gold"}


def test_reports_are_kept_once_however_often_a_pull_runs(pull, company):
    for _ in range(3):
        report = pull({4: [a_row("a", 4)], 5: [a_row("b", 5), ("x", "", "", "")]})

    assert lake.pulls(company).select("source", "read", "kept", "quarantined", "dropped").rows() == [("billing", 3, 2, 1, "{}")]
    assert (report.read, report.kept, report.quarantined) == (3, 2, 1)
    assert len(list((company.root / "quarantine" / "billing").glob("*"))) == 1


def test_a_mended_day_has_no_quarantine_left(pull, company):
    pull({4: [a_row("a", 4), a_row("b", 4), ("x", "", "", "")]})
    pull({4: [a_row("a", 4), a_row("b", 4), a_row("x", 4)]})

    assert list((company.root / "quarantine" / "billing").glob("*")) == []


def test_a_bad_day_stops_and_nothing_of_it_enters_the_lake(pull, company, at):
    pull({4: [a_row("a", 4)]})

    with pytest.raises(GateError, match=r"billing 2026-01-05: 1 of 2 events are bad, 50\.0%, and at most 40\.0% may be: 1 x event_id is empty"):
        pull({5: [a_row("b", 5), ("", "2026-01-05", "2026-01-05", "gold")]})
    assert known(company, at(9)) == {"a": "gold"}
    assert pl.read_parquet(company.root / "quarantine" / "billing" / "2026-01-05.parquet").height == 1
    assert lake.pulls(company).height == 1


def test_a_stated_time_is_believed_within_the_history_and_on_the_day_itself(pull, company, at):
    pull({
        2: [("history", "2026-01-01 08:00", "2026-01-01 09:00", "gold")],
        4: [a_row("same day", 4), ("late", "2026-01-01 08:00", "2026-01-02 09:00", "gold")],
        3: [],
    })  # fmt: skip

    assert known(company, at(28), "recorded_at") == {
        "history": at(1, 9), "same day": at(4, 9, 30), "late": at(5) - timedelta(microseconds=1),
    }  # fmt: skip


def test_a_repull_of_a_closed_day_rewrites_nothing_and_puts_new_rows_on_the_first_open_day(pull, company, on, at):
    pull({day: [a_row(f"e{day}", day)] for day in (4, 5)})
    close(company, on, 4, 5)
    old = lake.scan(company, "billing", before=at(6)).collect()
    report = pull({4: [a_row("e4", 4, plan="silver"), a_row("new", 4)]})

    assert (report.kept, reconciles(report)) == (2, True)
    assert lake.scan(company, "billing", before=at(6)).collect().equals(old)
    assert known(company, at(7)) == {"e4": "silver", "e5": "gold", "new": "gold"}
    assert known(company, at(7), "recorded_on")["new"] == on(6)
    again = pull({4: [a_row("e4", 4, plan="silver"), a_row("new", 4)]})
    assert (again.kept, known(company, at(7))) == (2, {"e4": "silver", "e5": "gold", "new": "gold"})


def test_what_closed_and_was_pulled_again_unchanged_is_seen_before(pull, company, on):
    rows = {4: [a_row("a", 4), a_row("a", 4, hour=11, plan="silver")]}
    pull(rows)
    close(company, on, 4, 4)
    report = pull(rows)

    assert (report.kept, report.dropped) == (0, {"seen_before": 2})
    assert lake.pulls(company).select("again", "kept").rows() == [(False, 2), (True, 0)]


def test_later_open_days_are_pulled_again_when_what_they_built_on_is_gone(pull, company, at):
    pull({4: [a_row("a", 4)]})
    assert pull({5: [a_row("a", 4)]}).dropped == {"seen_before": 1}
    pull({4: []})

    assert known(company, at(9)) == {"a": "gold"}
    assert lake.pulls(company).select("kept").to_series().to_list() == [0, 1]


def test_amounts_of_another_currency_are_never_mixed(company, source_file, deliver, on, at):
    source_file("billing", 'currency = { column = "cur" }\n' + BILLING)
    deliver("2026-01-04.csv", "id,account,at,seen,plan,cur\n1,a,2026-01-04,2026-01-04,x,EUR\n2,a,2026-01-04,2026-01-04,x,USD\n3,a,2026-01-04,2026-01-04,x,EUR\n")
    report = pull_days("billing", first=on(4), last=on(4), settings=company)

    assert (report.kept, report.quarantined) == (2, 1)
    told = pl.read_parquet(company.root / "quarantine" / "billing" / "2026-01-04.parquet")
    assert told["reason"].to_list() == ["currency is USD, not EUR"]
    assert "currency" not in lake.schema(company, "billing")


# ------------------------------------------------------------------------------------ sources that are read whole

WHOLE = BILLING.replace("{day}", "all").replace("2026-01-03", "2026-02-01")


@pytest.fixture
def export(company, source_file, deliver, on):
    """Deliver one file that holds everything, and pull it for a span of days."""
    source_file("billing", WHOLE)

    def run(first, last, rows):
        deliver("all.csv", HEAD + "".join(f"{i},c-{i},{at},{seen},{plan}\n" for i, at, seen, plan in rows))
        return pull_days("billing", first=on(first), last=on(last), settings=company)

    return run


def test_a_whole_file_is_loaded_at_once_and_believed_but_never_seen_early(export, company, at, on):
    report = export(1, 4, [a_row("a", 3), a_row("b", 20)])

    assert report.kept == 2
    assert [list(known(company, at(day))) for day in (3, 4, 20, 21)] == [[], ["a"], ["a"], ["a", "b"]]


def test_a_whole_file_is_read_again_only_when_it_has_changed(export, company, at, on):
    rows = [a_row("a", 3), a_row("b", 20)]
    first = export(1, 4, rows)
    assert export(1, 4, rows) == first
    file = company.root / "raw" / "all.csv"
    stamp = file.stat()
    idle = pull_days("billing", first=on(5), last=on(5), settings=company)
    assert (idle.read, file.stat()) == (0, stamp)

    changed = export(6, 6, [*rows, a_row("c", 2)])
    assert (changed.kept, changed.dropped) == (1, {"seen_before": 2})
    assert known(company, at(28), "recorded_on") == {"a": on(3), "b": on(20), "c": on(6)}


def test_a_customer_without_dates_is_known_from_the_first_day_pulled(company, source_file, deliver, on, at):
    source_file("households", 'role = "customers"\npath = "{root}/raw/h.csv"\nhistory_until = 2026-02-01\ncustomer_id = "id"\n'
                              'static = ["size"]\n[[event]]\nkind = "attribute"\ncolumns = { size = "size" }\n')  # fmt: skip
    deliver("h.csv", "id,size\n1,4\n")
    pull_days("households", first=on(2), last=on(9), settings=company)
    deliver("h.csv", "id,size\n1,4\n2,3\n")
    report = pull_days("households", first=on(10), last=on(10), settings=company)

    assert report.dropped == {"seen_before": 1}
    found = lake.scan(company, "households", before=at(28)).sort("event_id").collect()
    assert found.select("customer_id", "occurred_at", "recorded_on").rows() == [("1", at(2), on(2)), ("2", at(10), on(10))]


# ------------------------------------------------------------------------------------------------------------- words


def test_pull_day_takes_the_day_as_a_partition_key(pull, company, at, monkeypatch):
    pull({4: [a_row("a", 4)]})
    monkeypatch.setenv("BEFOREHAND_CONFIG", str(company.folder))

    assert pull_day("billing", day="2026-01-04") == "billing"


@pytest.mark.parametrize(
    ("name", "first", "says"),
    [("biling", 4, r"source 'biling' does not exist\. Did you mean 'billing'\?"), ("billing", 6, "lies after the last")],
)
def test_what_cannot_be_pulled_is_said(pull, company, on, name, first, says):
    with pytest.raises(ConfigError, match=says):
        pull_days(name, first=on(first), last=on(5), settings=company)


def test_an_unknown_reader_is_named(company, source_file, on):
    source_file("billing", BILLING + "")
    source_file("billing", 'reader = "sqll"\n' + BILLING)

    with pytest.raises(ConfigError, match=r"billing\.toml: reader 'sqll' does not exist\. Did you mean 'sql'\? Known: files, inbox, sql"):
        pull_days("billing", first=on(5), last=on(5), settings=company)


def test_a_closed_day_is_closed_and_a_replay_stays_one(pull, company, on):
    pull({day: [a_row(f"e{day}", day)] for day in (4, 5)})
    assert lake.close_day(["billing"], day=on(4), replay=True, settings=company) == "2026-01-04"
    lake.close_day(["billing"], day=on(4), settings=company)
    lake.close_days(company, on(5), on(5))

    assert [lake.is_closed(company, on(day)) for day in (3, 4, 5)] == [False, True, True]
    assert [lake.is_replay(company, on(day)) for day in (4, 5)] == [True, False]
    assert lake.last_closed(company) == on(5)
