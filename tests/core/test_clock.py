"""Days, their ends and their months, whatever the calendar does."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import add_months, as_day, days, last_whole_day, moment_after, now

SOME_DAY = st.dates(date(1990, 1, 1), date(2090, 12, 31))
MONTHS = st.integers(-240, 240)


@given(SOME_DAY, MONTHS)
def test_adding_months_lands_in_the_right_month(day, months):
    later = add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months


@given(SOME_DAY, MONTHS)
def test_the_day_of_the_month_stays_or_is_the_months_last(day, months):
    later = add_months(day, months)
    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)


@given(SOME_DAY, SOME_DAY, MONTHS)
def test_months_keep_the_order_of_days(one, other, months):
    first, second = sorted((one, other))
    assert add_months(first, months) <= add_months(second, months)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ((2026, 1, 31), 1, (2026, 2, 28)),
        ((2024, 1, 31), 1, (2024, 2, 29)),
        ((2026, 12, 31), 1, (2027, 1, 31)),
        ((2026, 11, 30), 1, (2026, 12, 30)),
        ((2024, 8, 31), 18, (2026, 2, 28)),
        ((2026, 1, 15), -1, (2025, 12, 15)),
    ],
)
def test_known_months(day, months, expected):
    assert add_months(date(*day), months) == date(*expected)


@given(SOME_DAY)
def test_what_was_known_as_of_a_day_ends_where_the_next_begins(day):
    moment = moment_after(day)
    assert moment == datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    assert last_whole_day(moment) == day
    assert last_whole_day(moment - timedelta(microseconds=1)) == day - timedelta(days=1)


def test_the_last_whole_day_is_one_in_utc_wherever_the_instant_was_read():
    late_in_new_york = datetime(2026, 3, 30, 21, tzinfo=timezone(timedelta(hours=-4)))
    assert last_whole_day(late_in_new_york) == date(2026, 3, 30)


@given(SOME_DAY, st.integers(0, 400))
def test_a_span_of_days_has_both_its_ends(first, n):
    span = days(first, first + timedelta(days=n))
    assert (span[0], span[-1], len(span)) == (first, first + timedelta(days=n), n + 1)
    assert span == sorted(set(span))


def test_a_span_that_ends_before_it_begins_is_empty():
    assert days(date(2026, 1, 2), date(2026, 1, 1)) == []


def test_a_day_may_be_given_as_text():
    assert as_day("2026-03-31") == as_day(date(2026, 3, 31)) == date(2026, 3, 31)


def test_now_is_in_utc():
    assert now().utcoffset() == timedelta(0)
