"""A row whose only fault was a strict expectation is let in by a person's word; what nobody could use stays out."""

from datetime import UTC, datetime

import pytest

from core.errors import ConfigError, MissingError
from feature_store import lake, release
from feature_store.pull import pull_day, pull_days

BILLING = """
role = "billing"
path = "{root}/raw/{day}.csv"
customer_id = "account"
event_id = "id"
recorded_at = "seen"
quarantine_at_most = 0.9

[[event]]
kind = "paid"
occurred_at = "at"
columns = { amount = "amount" }

[[expect]]
type = "ExpectColumnValuesToBeBetween"
column = "amount"
max_value = 100
"""
HEAD = "id,account,at,seen,amount\n"
NOW = datetime(2026, 1, 6, tzinfo=UTC)


def a_day(deliver, day, *rows):
    lines = "".join(f"{i},c-{i},2026-01-{day:02} 09:00,2026-01-{day:02} 09:30,{amount}\n" for i, amount in rows)
    deliver(f"2026-01-{day:02}.csv", HEAD + lines)


@pytest.fixture
def quarantined(company, source_file, deliver, on):
    """A day, closed since, of which one row was too dear and one had no customer's event id."""
    source_file("billing", BILLING)
    a_day(deliver, 4, ("a", 10), ("dear", 250), ("", 20))
    pull_days("billing", first=on(4), last=on(4), settings=company)
    lake.close_days(company, on(4), on(4))
    return company


def strict(company, on):
    return next(reason for reason in release.rows(company, "billing", on(4))["reason"] if reason.startswith("breaks"))


def let_out(company, on):
    return release.release(company, "billing", on(4), strict(company, on), by="ann", now=NOW)


def known(company, moment):
    return lake.scan(company, "billing", before=moment).collect()["event_id"].sort().to_list()


def test_a_released_row_comes_in_with_the_next_pull_and_the_closed_day_stays_as_it_was(quarantined, deliver, on, at):
    assert let_out(quarantined, on) == 1
    assert release.waiting(quarantined, "billing") == [on(4)]
    a_day(deliver, 5, ("b", 30))
    pull_day("billing", day=on(5), settings=quarantined)

    assert known(quarantined, at(5)) == ["a"]
    assert known(quarantined, at(6)) == ["a", "b", "dear"]
    assert release.waiting(quarantined, "billing") == []
    assert [row["reason"] for row in release.rows(quarantined, "billing", on(4)).to_dicts()] == ["event_id is empty"]


def test_releasing_twice_changes_nothing(quarantined, on):
    assert [let_out(quarantined, on), let_out(quarantined, on)] == [1, 0]


def test_a_row_that_nobody_could_use_is_not_released(quarantined, on):
    with pytest.raises(ConfigError, match="cannot be released"):
        release.release(quarantined, "billing", on(4), "event_id is empty", by="ann", now=NOW)


def test_a_reason_or_a_day_that_is_not_there_is_named_with_those_that_are(quarantined, on):
    with pytest.raises(ConfigError, match="event_id is empty"):
        release.release(quarantined, "billing", on(4), "event_id is emtpy", by="ann", now=NOW)
    with pytest.raises(MissingError, match="2026-01-04"):
        release.rows(quarantined, "billing", on(5))


def test_a_released_day_whose_file_is_gone_does_not_stop_todays_pull(quarantined, deliver, on, at):
    let_out(quarantined, on)
    (quarantined.root / "raw" / "2026-01-04.csv").unlink()
    a_day(deliver, 5, ("b", 30))
    pull_day("billing", day=on(5), settings=quarantined)

    assert known(quarantined, at(6)) == ["a", "b"]
    assert release.waiting(quarantined, "billing") == [on(4)]
