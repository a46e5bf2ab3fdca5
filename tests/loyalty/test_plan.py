"""Enrolment is planned from past volume and base rate, and says never where it would take too long."""

from datetime import date, timedelta

import pytest

from loyalty.plan import enrolment
from loyalty.size import Size, power_of

DAY = date(2025, 6, 30)


def test_enrolment_says_when_each_horizon_can_be_read(past):
    past.promises(date(2025, 5, 1), smallest_effect=0.1)
    for number in range(120):
        past.draws(f"c{number}", DAY - timedelta(days=number % 80))
    past.session.commit()
    found = enrolment(past.settings, "fee_shock", day=DAY)
    size = Size(found["needs_contact"], found["needs_hold_out"])
    assert (found["units_a_week"], found["sd"]) == (10.0, 0.5)
    assert power_of(size, sd=0.5, effect=0.1) == pytest.approx(0.8, abs=0.01)
    weeks = -(-size.units // 10)
    assert found["enrolled_on"] == str(DAY + timedelta(weeks=weeks))
    assert list(found["readable_from"]) == [1, 6, 18]


def test_enrolment_without_volume_or_promise_says_why(past):
    assert "no measure" in enrolment(past.settings, "fee_shock", day=DAY)["why"]
    past.promises(date(2025, 5, 1))
    past.session.commit()
    assert "never at this volume" in enrolment(past.settings, "fee_shock", day=DAY)["why"]


def test_the_base_rate_is_that_of_past_flags_whose_horizon_has_passed(past):
    for number in range(200):
        past.draws(f"c{number}", date(2024, 10, 1) + timedelta(days=number % 60))
        if number % 5 == 0:
            past.happens(f"c{number}", "billing.left", date(2025, 1, 15))
    past.write(DAY)
    found = enrolment(past.settings, "fee_shock", day=DAY, measure={"outcome": "retained", "horizon_months": 6, "smallest_effect": 0.05})
    assert (found["base_rate"], found["sd"]) == (pytest.approx(0.8), pytest.approx(0.4, rel=0.01))
    assert found["based_on"] == "200 past flags whose 6 months have passed"


def test_what_would_take_longer_than_three_years_is_never_and_says_what_would_help(past):
    past.promises(date(2025, 5, 1), smallest_effect=0.02)
    for number in range(120):
        past.draws(f"c{number}", DAY - timedelta(days=number % 80))
        past.draws(f"d{number}", DAY - timedelta(days=number % 80), issue="other")
    past.session.commit()
    found = enrolment(past.settings, "fee_shock", day=DAY, share=0.1)
    assert found["why"].startswith("never at this volume: 1,254 months of enrolment, more than 36. Pool, or raise the share: 451 months")
    assert "readable_from" not in found
