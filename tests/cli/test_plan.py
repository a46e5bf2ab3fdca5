"""What a proof takes is said in the outcome's own unit, and what has no date says why."""

from functools import partial

import pytest

from cli.plan import sentences
from loyalty.wording import amount

FOUND = {"issue": "fee_shock", "design": "hold_out", "outcome": "retained", "horizon_months": 6, "promise_hours": None, "units_a_week": 40.0,
         "share": 0.5, "base_rate": 0.931, "sd": 0.2535, "based_on": "1,234 past flags whose 6 months have passed", "smallest_effect": 0.02,
         "needs_contact": 2_500, "needs_hold_out": 2_500, "months": 28.7, "enrolled_on": "2027-11-01",
         "readable_from": {1: "2027-12-04", 6: "2028-05-04", 18: "2029-05-04"}, "seen_after_a_year": 0.031, "power_after_a_year": 0.44}  # fmt: skip


@pytest.fixture
def said(settings):
    return partial(amount, settings, "retained")


def test_amounts_are_said_in_their_unit_and_the_promised_reading_is_marked(said):
    lines = sentences(FOUND, said)
    assert lines[0] == "fee shock, judged by retained 6 months after the draw."
    assert "2,500 contacted and 2,500 held out, to see +2.0 points four times in five" in "\n".join(lines)
    assert [line for line in lines if "promised" in line] == ["  Readable:  after 6 months from 2028-05-04, the promised reading"]
    assert lines[-1] == "  In a year: +3.1 points would be seen four times in five; the power to see +2.0 points is 0.44."


def test_what_has_no_date_says_why_and_a_delay_speaks_of_its_hours(said):
    assert sentences(FOUND | {"why": "never at this volume"}, said)[-1] == "  No date:   never at this volume."
    lines = sentences(FOUND | {"design": "delay", "promise_hours": 48, "horizon_months": None, "readable_from": {0: "2027-11-04"}}, said)
    assert lines[0] == "fee shock, judged by retained within 48 hours of the draw."
    assert "  Readable:  after its hours from 2027-11-04, the promised reading" in lines
