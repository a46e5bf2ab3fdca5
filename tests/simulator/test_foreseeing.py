"""The oracle's chances are true: as often as it says, the trouble strikes."""

from datetime import date, timedelta

import numpy as np
import pytest

from simulator.company import Company
from simulator.foreseeing import chances, days_until_invoice

FIRST = date(2025, 1, 1)
GAP, HORIZON = 1, 28


@pytest.fixture(scope="module")
def foreseen(tmp_path_factory):
    """For each issue the chances said at five moments a month apart, and whether it struck."""
    company = Company.open(tmp_path_factory.mktemp("company"), customers=6_000, seed=5, first=FIRST, last=date(2025, 12, 31))
    said, struck = {}, {}
    for week in range(16, 40, 5):
        index = week * 7
        company.write_until(FIRST + timedelta(days=index - 1))
        found = chances(index, FIRST + timedelta(days=index), company.people, company.truth, gap=GAP, horizon=HORIZON)
        people = company.people
        here = people.left > index
        due = {"app_trouble": (people.app_ends, people.app_strikes), "payment_failing": (people.pay_ends, people.pay_strikes),
               "fee_shock": (people.fee_disputed, np.ones(len(people), dtype=bool))}  # fmt: skip
        for issue, (day, will) in due.items():
            begun = found[issue] > 0.02 if issue != "payment_failing" else people.pay_began < index
            said.setdefault(issue, []).append(found[issue][here & begun])
            inside = (day >= index + GAP) & (day < index + GAP + HORIZON) & will
            struck.setdefault(issue, []).append(inside[here & begun])
    return {issue: (np.concatenate(said[issue]), np.concatenate(struck[issue])) for issue in said}


@pytest.mark.parametrize("issue", ["app_trouble", "payment_failing", "fee_shock"])
def test_where_signs_have_begun_it_strikes_as_often_as_the_oracle_says(foreseen, issue):
    said, struck = foreseen[issue]

    off = (struck.sum() - said.sum()) / np.sqrt((said * (1 - said)).sum())

    assert len(said) > 50
    assert abs(off) < 3
    assert said[struck].mean() >= said[~struck].mean()


def test_an_invoice_is_due_on_its_own_day(tmp_path):
    people = Company.open(tmp_path, customers=300, seed=1, first=FIRST, last=date(2025, 2, 1)).people

    due = days_until_invoice(date(2025, 1, 28), people)

    for bill_day, yearly, month, days in zip(people.bill_day, people.yearly, people.bill_month, due, strict=True):
        on = date(2025, 1, 28) + timedelta(days=int(days))
        assert on.day == bill_day
        assert not yearly or on.month == month
        assert yearly or days < 31
