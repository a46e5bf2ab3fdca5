"""Retention curves are Kaplan and Meier's, weighed by the chance of each unit's arm."""

from datetime import date, timedelta

import pytest

from loyalty.curves import retention_curves
from loyalty.readable import data_cut

START = date(2025, 1, 6)


def curve(past, arm, day):
    frame = retention_curves(past.settings, past.session, data_cut(past.settings, day))
    return {row["weeks"]: (row["still_there"], row["at_risk"]) for row in frame.filter(arm=arm).to_dicts()}


def test_a_small_example_by_hand(past):
    """Ten from the start, two of whom leave in the third week; five drawn later are watched for less than two weeks."""
    end = START + timedelta(days=41)
    for number in range(10):
        past.draws(f"old{number}", START)
    for number in range(5):
        past.draws(f"new{number}", end - timedelta(days=13))
    past.happens("old0", "billing.left", START + timedelta(days=15))
    past.happens("old1", "billing.left", START + timedelta(days=20))
    past.happens("new0", "billing.left", end - timedelta(days=13))
    past.write(end)
    found = curve(past, "contact", end)
    assert found[0] == (1.0, 15)
    assert found[1] == (pytest.approx(14 / 15), 15)
    assert found[3] == (pytest.approx(14 / 15 * 8 / 10), 10), "the five were watched for two weeks and count no longer"


def test_shares_that_changed_do_not_mix_into_the_curves(past):
    """Before, half were held out and half of all left; later a tenth is held out and nobody leaves: the arms are alike."""
    for share, drawn, leave in ((0.5, {"contact": 20, "hold_out": 20}, True), (0.1, {"contact": 36, "hold_out": 4}, False)):
        for arm, units in drawn.items():
            for number in range(units):
                name = f"{share}{arm}{number}"
                past.draws(name, START, arm=arm, share=share)
                if leave and number % 2:
                    past.happens(name, "billing.left", START + timedelta(days=3))
    end = START + timedelta(days=30)
    past.write(end)
    left = 10 * 0.5 / (20 * 0.5 + 36 * 0.1)  # of 20 * 0.5 + 4 * 0.9 held out, which is as many
    assert curve(past, "contact", end)[1][0] == pytest.approx(1 - left)
    assert curve(past, "hold_out", end)[1][0] == pytest.approx(1 - left)


def test_a_company_without_a_leaving_event_has_no_curves(past):
    past.draws("ann", START)
    past.settings = past.settings.model_copy(update={"loyalty": past.settings.loyalty.model_copy(update={"left_event": None})})
    past.session.commit()
    assert retention_curves(past.settings, past.session, data_cut(past.settings, START)).is_empty()
