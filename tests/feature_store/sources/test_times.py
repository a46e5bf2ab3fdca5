"""Times are read the way sources write them, and a date alone is known to be one."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from feature_store.sources.times import read_times

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "formats", "zone"),
    [
        ("2026-03-01T12:00:00Z", (), "UTC"),
        ("2026-03-01 12:00", (), "UTC"),
        ("2026-03-01 13:00:00.000+01:00", (), "America/New_York"),
        ("2026-03-01 13:00:00+0100", (), "UTC"),
        ("2026-03-01 12:00:00+00", (), "Asia/Tokyo"),
        ("2026-03-01 07:00:00", (), "America/New_York"),
        ("01.03.2026 13:00", ("%d.%m.%Y %H:%M",), "Europe/Berlin"),
        (1772366400, ("unix_seconds",), "UTC"),
        ("1772366400000", ("unix_milliseconds",), "UTC"),
        (datetime(2026, 3, 1, 13), (), "Europe/Berlin"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), (), "Europe/Berlin"),
    ],
)
def test_the_same_noon_in_many_hands(written, formats, zone):
    found, bare = read_times(pl.Series([written, None]), formats, zone)

    assert found.to_list() == [NOON, None]
    assert not bare.any()


@pytest.mark.parametrize("written", ["2026-03-01", date(2026, 3, 1)])
def test_a_bare_date_stands_at_the_start_of_its_day(written):
    found, bare = read_times(pl.Series([written]), (), "America/New_York")

    assert found.to_list() == [datetime(2026, 3, 1, tzinfo=UTC)]
    assert bare.all()


def test_dates_and_times_may_stand_in_one_column():
    found, bare = read_times(pl.Series(["2023-07-28 3:00", "2023-07-28", "soon"]), (), "UTC")

    assert found.to_list() == [datetime(2023, 7, 28, 3, tzinfo=UTC), datetime(2023, 7, 28, tzinfo=UTC), None]
    assert bare.to_list() == [False, True, False]


def test_an_hour_that_is_skipped_and_one_that_comes_twice():
    found, _ = read_times(pl.Series(["2024-03-31 02:30", "2024-10-27 02:30"]), (), "Europe/Berlin")

    assert found.to_list() == [datetime(2024, 3, 31, 1, 30, tzinfo=UTC), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)]


def test_a_number_is_no_time_unless_the_source_says_which():
    assert read_times(pl.Series([1772366400]), (), "UTC")[0].to_list() == [None]
