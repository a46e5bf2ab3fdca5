"""Adding rows by key adds each at most once, and counts the new ones."""

from datetime import UTC, date, datetime

import sqlalchemy as sa

from ledger.base import add_once
from ledger.days import Day, is_done, mark_done

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = date(2026, 3, 30)


def rows(n, step="detect", counts=0):
    return [{"day": date.fromordinal(DAY.toordinal() + i), "step": step, "done_at": NOW, "counts": {"flags": counts}}
            for i in range(n)]


def test_it_counts_the_new_rows_and_leaves_the_old_ones_as_they_were(session):
    assert add_once(session, Day, rows(3, counts=1), key=["day", "step"]) == 3
    assert add_once(session, Day, rows(5, counts=2), key=["day", "step"]) == 2
    found = session.scalars(sa.select(Day.counts).order_by(Day.day)).all()
    assert [counts["flags"] for counts in found] == [1, 1, 1, 2, 2]


def test_any_number_of_rows_may_be_added_at_once(session):
    assert add_once(session, Day, rows(2500), key=["day", "step"]) == 2500
    assert add_once(session, Day, [], key=["day", "step"]) == 0


def test_a_row_twice_in_one_call_is_one_row(session):
    assert add_once(session, Day, rows(1) * 2, key=["day", "step"]) == 1


def test_the_first_record_of_a_step_stays_when_the_day_is_run_again(session):
    mark_done(session, DAY, "detect", now=NOW, counts={"flags": 7})
    mark_done(session, DAY, "detect", now=datetime(2026, 4, 1, tzinfo=UTC), counts={"flags": 0})
    assert is_done(session, DAY, "detect")
    assert not is_done(session, DAY, "review")
    assert session.get(Day, (DAY, "detect")).counts == {"flags": 7}
