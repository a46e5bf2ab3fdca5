"""The share of an issue changes from a day on, is never rewritten, and without one the playbook's counts."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, select

from core.errors import LedgerError
from ledger.shares import Share, set_share, share_in_force

NOW = datetime(2026, 4, 1, 10, tzinfo=UTC)


def change(session, share, from_day, issue="payment_failing"):
    set_share(session, issue=issue, share=share, from_day=from_day, reason="maintenance", now=NOW)


def test_a_share_counts_from_its_day_on_and_for_its_issue_alone(session):
    change(session, 0.02, date(2026, 4, 1))
    change(session, 0.1, date(2026, 6, 1))

    days = [date(2026, 3, 31), date(2026, 4, 1), date(2026, 5, 31), date(2026, 6, 1)]
    assert [share_in_force(session, "payment_failing", day) for day in days] == [None, 0.02, 0.02, 0.1]
    assert share_in_force(session, "fee_shock", date(2026, 6, 1)) is None


def test_of_one_days_changes_the_last_counts_and_the_first_is_kept(session):
    change(session, 0.02, date(2026, 4, 1))
    change(session, 0.05, date(2026, 4, 1))
    change(session, 0.05, date(2026, 4, 1))

    assert share_in_force(session, "payment_failing", date(2026, 4, 1)) == 0.05
    assert session.scalar(select(func.count()).select_from(Share)) == 2


@pytest.mark.parametrize("share", [-0.1, 1.01, float("nan")])
def test_what_is_no_share_is_refused(session, share):
    with pytest.raises(LedgerError, match=r"share of payment_failing from 2026-04-01: must lie in \[0, 1\], got"):
        change(session, share, date(2026, 4, 1))
