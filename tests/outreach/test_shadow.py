"""The page says whom we would have written to, why, and what; it fetches nothing and trusts no name."""

import re

from outreach.plan import plan_day
from outreach.shadow import write_page
from tests.outreach.house import DAY, NOW


def page(house, day=DAY):
    return write_page(house.settings, day).read_text(encoding="utf-8")


def test_it_names_whom_why_and_the_message(house):
    house.playbook(mode="shadow")
    house.customers("ann")
    house.customers("deaf", consent=False)
    house.flags("ann", "deaf", reasons=["2 payments failed in 28 days"])
    plan_day(day=DAY, now=NOW, settings=house.settings)
    html = page(house)

    for said in ("1 customer would have been written to", "ann", "a…@example.org", "2 payments failed in 28 days", "50 %",
                 "Everything stays switched on", "We try again by ourselves.", "no consent: 1", "Head of Service"):  # fmt: skip
        assert said in html, said
    assert "ann@example.org" not in html


def test_it_is_whole_in_itself(house):
    house.playbook(mode="shadow")
    house.crowd(2)
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page(house))


def test_it_trusts_no_reason_and_no_id(house):
    house.playbook(mode="shadow")
    house.customers("<script>ann</script>", address="ann@example.org")
    house.flags("<script>ann</script>", reasons=["<script>alert(1)</script>"])
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert "<script>" not in page(house)


def test_without_a_day_it_shows_the_newest_one_in_the_shadow(house):
    house.playbook(mode="shadow")
    house.crowd(2)
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert write_page(house.settings).name == "2026-03-31.html"


def test_before_anything_was_flagged_it_says_so(house):
    assert "Nothing stayed in the shadow" in write_page(house.settings).read_text()


def test_it_shows_what_happened_to_those_nobody_wrote_to(house):
    from ledger.flags import Flag

    house.playbook(mode="shadow")
    crowd = house.crowd(4)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    for customer, state in zip(crowd, ("struck", "over", "expired", "open"), strict=True):
        house.change(Flag, {"customer_id": customer}, state=state)

    assert all(said in page(house) for said in ("the trouble came", "it was over by itself", "it did not come", "nothing yet"))
