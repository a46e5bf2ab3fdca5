"""Where nobody may be held out, some are told later by lot: within the promise, frozen, and both arms through the same gate."""

from datetime import timedelta

import pytest

from core.errors import ConfigError
from ledger.assignments import Assignment
from ledger.flags import Flag
from outreach.plan import plan_day
from outreach.playbook import load_playbooks
from outreach.reconcile import reconcile
from outreach.send import send_due
from tests.outreach.house import DAY, NOW, House

DELAY = 'design = "delay"\npromise_hours = 24\n'


@pytest.fixture
def house(settings):
    made = House(settings)
    made.any_day()
    made.playbook(more="never_hold_out = true", holdout=0, measure=DELAY)
    return made


def planned(house, size=200):
    house.crowd(size)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    return {a.unit_id: a for a in house.assignments()}


def test_a_half_is_told_later_within_the_promised_hours_and_nobody_is_held_out(house):
    drawn = planned(house)
    due = {m.unit_id: m.due_at for m in house.messages()}
    assert {a.arm for a in drawn.values()} == {"contact", "later"}
    assert 70 < sum(a.arm == "later" for a in drawn.values()) < 130
    for unit, each in drawn.items():
        assert (each.design, each.share) == ("delay", 0.5)
        assert due[unit] == (each.later_at if each.arm == "later" else NOW)
        assert NOW < each.later_at <= NOW + timedelta(hours=24)
    assert house.states() == {"planned": 200}


def test_the_hours_end_where_the_customer_may_still_be_written_to(house):
    """24 hours after 10:00 UTC is noon in Berlin, in the middle of the day; 15 hours would be the night."""
    drawn = planned(house, 20)
    assert {a.later_at for a in drawn.values()} == {NOW + timedelta(hours=24)}
    house.playbook(more="never_hold_out = true", holdout=0, measure=DELAY.replace("24", "15"))
    house.customers("late")
    house.flags("late", day=DAY + timedelta(days=1))
    plan_day(day=DAY + timedelta(days=1), now=NOW + timedelta(days=1), settings=house.settings)
    (late,) = house.assignments(unit_id="late")
    assert NOW + timedelta(days=1) < late.later_at <= NOW + timedelta(days=1, hours=15)
    assert late.later_at.hour < 20


def test_both_are_sent_each_in_its_time_and_the_ledger_reconciles(house):
    drawn = planned(house, 40)
    later = sum(a.arm == "later" for a in drawn.values())
    assert send_due(now=NOW, settings=house.settings)["accepted"] == 40 - later
    assert send_due(now=NOW + timedelta(hours=24), settings=house.settings)["accepted"] == later
    assert reconcile(house.settings)["sent"].sum() == 40


def test_a_unit_keeps_its_arm_for_the_next_flag(house):
    before = {unit: a.arm for unit, a in planned(house, 30).items()}
    again, day = NOW + timedelta(days=60), DAY + timedelta(days=60)
    house.change(Flag, {}, state="over")
    house.flags(*before, day=day)
    plan_day(day=day, now=again, settings=house.settings)
    assert house.count(Assignment) == 30
    for message in house.messages(day=day):
        assert (message.due_at > again) == (before[message.unit_id] == "later")


@pytest.mark.parametrize(("more", "measure", "says"), [
    ("", DELAY, "is for what nobody may be held out from"),
    ("never_hold_out = true", 'design = "delay"', "goes with design"),
    ("never_hold_out = true", "promise_hours = 24", "goes with design"),
])  # fmt: skip
def test_a_design_that_contradicts_the_playbook_is_refused(house, more, measure, says):
    house.playbook(more=more, holdout=0 if more else 0.5, measure=measure)
    with pytest.raises(ConfigError, match=says):
        load_playbooks(house.settings)


def test_what_is_promised_of_the_usual_design_has_the_version_it_always_had(house):
    house.playbook()
    assert load_playbooks(house.settings)["payment_failing"].measure.version == "62760b99f911"
