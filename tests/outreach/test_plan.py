"""A day is planned once, whole, however often it is run, and in the order that keeps the arms alike."""

from datetime import timedelta

import pytest

from core.errors import ConfigError
from ledger.flags import Flag
from ledger.messages import Message
from ledger.verdicts import Verdict
from outreach.plan import message_key, plan_approved, plan_day
from outreach.send import send_due
from tests.outreach.house import DAY, NOW


def plan(house, day=DAY, now=NOW):
    return plan_day(day=day, now=now, settings=house.settings)


def test_running_a_day_four_times_gives_one_message_each(house):
    house.crowd(50)
    first = plan(house)
    keys = {m.key for m in house.messages()}
    send_due(now=NOW, settings=house.settings)
    again = [plan(house), plan(house, now=NOW + timedelta(hours=3)), plan_approved(now=NOW, settings=house.settings)]
    send_due(now=NOW + timedelta(hours=3), settings=house.settings)

    assert first["planned"] + first["held_out"] == 50
    assert [counts["cohorts"] for counts in again] == [0, 0, 0]
    assert {m.key for m in house.messages()} == keys
    assert len(house.mailbox()) == first["planned"]


def test_a_cleared_task_plans_again_and_still_says_nothing_twice(house):
    """Somebody sets the cohort back by hand, as if it had never been planned."""
    from ledger.cohorts import Cohort

    house.crowd(50)
    plan(house)
    send_due(now=NOW, settings=house.settings)
    house.change(Cohort, {"day": DAY}, planned_at=None)
    plan(house, now=NOW + timedelta(hours=1))

    assert house.count(Message) == house.count(Verdict) == 50
    assert not house.messages(state="planned")


def test_the_ledger_gives_each_message_the_id_that_anybody_can_work_out(house):
    house.crowd(3)
    house.customers("zoë", unit_id="a household", address="zoe@example.org")
    house.flags("zoë", issue="payment_failing", day=DAY - timedelta(days=1))
    plan(house)

    for m in house.messages():
        assert m.key == message_key(house.settings, issue=m.issue, customer_id=m.customer_id, day=m.day, kind=m.kind)


def test_a_message_has_the_same_id_on_every_machine(settings):
    key = message_key(settings, issue="payment_failing", customer_id="c1", day=DAY, kind="notice")

    assert key == "4d73c0adc23374f5baebafaac3415040"


@pytest.mark.parametrize("state", ["waiting", "held", "rejected"])
def test_only_an_approved_cohort_is_planned(house, state):
    house.crowd(3, cohort=state)

    assert plan(house)["cohorts"] == 0
    assert house.count(Verdict) == 0


def test_a_backfilled_day_contacts_nobody(house):
    house.crowd(3, replay=True)

    assert plan(house)["cohorts"] == 0
    assert house.count(Message) == 0


def test_a_cohort_approved_days_later_is_planned_then_and_refused_where_it_is_stale(house):
    house.crowd(3)

    assert plan(house, day=DAY + timedelta(days=9), now=NOW + timedelta(days=9))["suppressed"] == 3


def test_a_cohort_of_a_later_day_is_left_for_its_own_day(house):
    house.crowd(3, day=DAY + timedelta(days=1))

    assert plan(house)["cohorts"] == 0


def test_an_issue_without_a_playbook_waits(house):
    house.crowd(3, issue="unheard_of")

    assert plan(house)["cohorts"] == 0


def test_trimmed_flags_are_left_out_before_the_draw(house):
    from ledger.cohorts import Cohort

    house.customers("ann", "bob")
    ann, bob = house.flags("ann", "bob")
    house.change(Cohort, {"day": DAY}, trimmed=[ann])
    plan(house)

    assert [m.flag_id for m in house.messages()] == [bob]
    assert house.verdict(ann) is None


def test_in_the_quiet_hours_a_message_is_due_in_the_morning_there(house):
    house.customers("ann", time_zone="America/Los_Angeles")
    house.flags("ann")
    plan(house)

    assert house.message("ann").due_at == NOW.replace(hour=15)


def test_a_pilot_reaches_a_share_of_units_and_so_many_a_day(house):
    house.playbook(mode="pilot")
    crowd = house.crowd(80)
    plan(house)
    inside = house.messages(state="planned") + house.messages(state="held_out")

    assert len(inside) == 20
    assert {tuple(m.reasons) for m in house.messages(state="shadow")} == {("not_in_pilot",), ("pilot_cap",)}
    house.change(Flag, {}, state="over")
    house.customers(*(f"x{n}" for n in range(20)))
    house.flags(*(f"x{n}" for n in range(20)), issue="payment_failing", day=DAY - timedelta(days=1))
    plan(house)
    assert len(house.messages(state="planned") + house.messages(state="held_out")) == len(inside), crowd


def test_a_channel_that_does_not_exist_is_named_before_anything_is_written(house):
    house.playbook(more='channel = "mailbx"')
    house.crowd(3)
    with pytest.raises(ConfigError, match=r"playbook payment_failing: channel: channel 'mailbx' does not exist\. Did you mean 'mailbox'"):
        plan(house)

    assert house.count(Message) == house.count(Verdict) == 0


@pytest.mark.parametrize("unit", ["a\tb", "a\\b\\tc", "a\nb", "\\N", "\\."])
def test_whatever_a_unit_is_called_it_is_written_as_it_is(house, unit):
    house.customers("ann", unit_id=unit)
    house.flags("ann")
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert house.message("ann").unit_id == unit
