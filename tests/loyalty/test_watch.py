"""Shown harm stops an issue by itself, proven benefit lowers new hold outs, and nothing shown does neither."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from ledger.assignments import Assignment
from ledger.brakes import open_brakes
from ledger.looks import looks_at
from ledger.shares import share_in_force
from loyalty.integrity import contamination, doubts, stages
from loyalty.readable import data_cut
from loyalty.units import analysis_set, windows
from loyalty.watch import MAINTENANCE_SHARE, watch
from tests.loyalty.past import at

START, DAY = date(2025, 3, 3), date(2025, 5, 1)
ISSUE = "fee_shock"


def played(past, *, contact_leaves, held_leaves, units=120):
    past.promises(START, horizon_months=1, stop={"outcome": "retained", "horizon_months": 1, "planned_units": 240})
    for arm, leaves in (("contact", contact_leaves), ("hold_out", held_leaves)):
        for number in range(units):
            past.draws(f"{arm}{number}", START, arm=arm)
            if number < leaves:
                past.happens(f"{arm}{number}", "billing.left", START + timedelta(days=9))
    past.write(DAY)
    done = watch(past.settings, past.session, data_cut(past.settings, DAY), day=DAY, now=at(DAY))
    past.session.commit()
    return done


def test_harm_pulls_the_brake_with_the_numbers_and_once(past):
    assert played(past, contact_leaves=50, held_leaves=12) == {"looks": 1, "harm": 1, "benefit": 0}
    (brake,) = open_brakes(past.session, ISSUE)
    assert (brake.kind, brake.issue) == ("harm", ISSUE)
    assert "retained after 1 month: those contacted did worse, -31.7 points (" in brake.reason
    again = watch(past.settings, past.session, data_cut(past.settings, DAY), day=DAY, now=at(DAY))
    assert again["looks"] == 0
    assert len(open_brakes(past.session, ISSUE)) == 1


def test_proven_benefit_lowers_the_share_of_new_units_and_leaves_the_drawn_ones(past):
    assert played(past, contact_leaves=12, held_leaves=50)["benefit"] == 1
    assert share_in_force(past.session, ISSUE, DAY + timedelta(days=1)) == MAINTENANCE_SHARE
    assert share_in_force(past.session, ISSUE, DAY) is None
    assert set(past.session.scalars(select(Assignment.share))) == {0.5}
    assert open_brakes(past.session) == []


def test_nothing_shown_is_a_look_and_no_more(past):
    assert played(past, contact_leaves=20, held_leaves=22) == {"looks": 1, "harm": 0, "benefit": 0}
    (look,) = looks_at(past.session, ISSUE)
    assert (look.found, look.n_contact, look.n_hold_out) == ("nothing", 120, 120)
    assert look.low < 0 < look.high
    assert look.effect == pytest.approx(2 / 120)


def test_each_stage_of_the_draw_is_judged_and_what_is_wrong_is_said(past):
    played(past, contact_leaves=20, held_leaves=22)
    for number in range(90):
        past.draws(f"refused{number}", START, passed=False)
    past.session.commit()
    cut = data_cut(past.settings, DAY)
    spread = windows(analysis_set(past.session, before=cut.at))
    found = stages(past.session, spread, cut)[ISSUE, 1]
    assert [(each["stage"], each["contact"], each["hold_out"]) for each in found] == [
        ("assigned", 210, 120), ("eligible", 120, 120), ("outcome present", 120, 120)]  # fmt: skip
    assert found[0]["p"] < 0.01 < found[1]["p"]
    assert doubts({"stages": found})[0].startswith("sample ratio: assigned: 210 to 120 are no fair draw")
    assert contamination(past.session, cut)[ISSUE] == {"held_out_but_told": 0, "contact_but_not_told": 210}
