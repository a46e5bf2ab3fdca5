"""A person calls where the customer needs one; how sure we are, or what they are worth, never takes that away."""

from datetime import timedelta

import pytest

from ledger.flags import Flag
from ledger.needs import Need
from outreach.plan import plan_day
from tests.outreach.house import DAY, NOW

PHONE = "+49 40 1234567"


def channel(house, person, *, phone=PHONE, **flag):
    """Return how Ann is told, with a playbook that says when a person calls."""
    house.playbook(holdout=1e-9, more=f"[person]\n{person}\n" if person is not None else "")
    house.customers("ann", phone=phone)
    house.flags("ann", **flag)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    return house.message("ann").channel


def struck(house, times, *, days_ago=100):
    for n in range(times):
        house.flags("ann", day=DAY - timedelta(days=days_ago + n), state="struck", cohort="rejected",
                    closed_on=DAY - timedelta(days=days_ago))  # fmt: skip


@pytest.mark.parametrize(
    ("person", "through"),
    [("grave = true", "call_list"), ("grave = false", "mailbox"), ("within_days = 10", "call_list"), ("within_days = 5", "mailbox"),
     (None, "mailbox")],
)  # fmt: skip
def test_by_how_grave_and_how_soon(house, person, through):
    assert channel(house, person, days_until=9.0) == through


@pytest.mark.parametrize(("times", "days_ago", "through"), [(1, 100, "mailbox"), (2, 100, "call_list"), (2, 400, "mailbox")])
def test_by_earlier_failures_within_a_year(house, times, days_ago, through):
    struck(house, times, days_ago=days_ago)

    assert channel(house, "after_failures = 2") == through


@pytest.mark.parametrize(("kind", "when", "through"), [("vulnerable", '["vulnerable", "asked"]', "call_list"), ("asked", '["asked"]', "call_list"),
                                                       ("vulnerable", '["asked"]', "mailbox")])  # fmt: skip
def test_by_what_is_marked_or_asked_for(house, kind, when, through):
    house.add(Need(customer_id="ann", kind=kind, since=NOW, source="test"))

    assert channel(house, f"when = {when}") == through


def test_without_a_telephone_number_we_write(house):
    assert channel(house, "grave = true", phone=None) == "mailbox"


def test_without_an_address_we_still_call(house):
    house.playbook(holdout=1e-9, more="[person]\ngrave = true\n")
    house.customers("ann", phone=PHONE, address=None)
    house.flags("ann")
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert (house.message("ann").state, house.message("ann").channel) == ("planned", "call_list")


@pytest.mark.parametrize("probability", [0.01, 0.99])
def test_neither_worth_nor_sureness_is_asked(house, probability):
    house.add(Need(customer_id="ann", kind="vulnerable", since=NOW, source="test"))

    assert channel(house, "grave = false", probability=probability) == "call_list"
    assert house.count(Flag) == 1
