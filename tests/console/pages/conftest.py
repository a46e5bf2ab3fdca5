"""A company with people of every role and cohorts to decide about."""

import pytest

from tests.console.house import add_people
from tests.outreach.house import House


@pytest.fixture
def house(settings):
    """A company with a live playbook, people of every role, and nobody flagged yet."""
    add_people(settings)
    return House(settings)


@pytest.fixture
def waiting(house):
    """A cohort of five that waits: c00000 to c00004, each a tenth surer than the one before."""
    house.customers(*(f"c{n:05d}" for n in range(5)))
    flags = house.flags(*(f"c{n:05d}" for n in range(5)), cohort="waiting")
    from ledger.flags import Flag

    for n, flag in enumerate(flags):
        house.change(Flag, {"id": flag}, probability=0.1 * (n + 1), days_until=float(20 - n),
                     reasons=["a payment failed" if n % 2 else "the card runs out"],
                     evidence={"billing__payment_failed__count_28d" if n % 2 else "billing__card__days_left": {"value": 1.0, "usual": 0.0}})  # fmt: skip
    return house
