"""A message moves to when it may go: it is never copied, never lost, and what moved it is written down."""

from datetime import UTC, date, datetime, timedelta

import pytest

from outreach.gate import MOVES
from outreach.plan import plan_day
from outreach.send import send_due
from tests.outreach.house import DAY, NOW

BUSY = "[outreach.pace]\nanswers_by_hour = [{hours}]\ncontacts_per_message = 0.5\n"
GOOD_FRIDAY = datetime(2026, 4, 3, 10, tzinfo=UTC)
SATURDAY = datetime(2026, 4, 11, 10, tzinfo=UTC)


def busy(per_hour):
    """Return settings in which people answer so many contacts in each hour from 8 to 17 UTC."""
    return BUSY.format(hours=", ".join(str(per_hour if 8 <= hour < 17 else 0) for hour in range(24)))


def plan(house, now=NOW):
    return plan_day(day=now.date() - timedelta(days=1), now=now, settings=house.settings)


def of_ann(house, now=NOW, **details):
    """Flag Ann on the eve of `now`, plan, and return her message with what moved it."""
    house.playbook(holdout=1e-9)
    house.customers("ann", **details)
    (flag,) = house.flags("ann", day=now.date() - timedelta(days=1))
    plan(house, now)
    return house.message("ann"), house.verdict(flag).moved


@pytest.mark.parametrize(
    ("keep", "now", "details", "due", "moved"),
    [
        pytest.param("", NOW, {}, NOW, [], id="nothing objects"),
        pytest.param("", NOW, {"time_zone": "America/Los_Angeles"}, NOW.replace(hour=15), ["quiet_hours"], id="it is night there"),
        pytest.param("write_on_weekends = true", GOOD_FRIDAY, {}, datetime(2026, 4, 4, 6, tzinfo=UTC), ["holiday"], id="a holiday"),
        pytest.param("", GOOD_FRIDAY, {"country": "FR", "time_zone": "Europe/Paris"}, GOOD_FRIDAY, [], id="no holiday in that country"),
        pytest.param("", SATURDAY, {}, datetime(2026, 4, 13, 6, tzinfo=UTC), ["weekend"], id="a weekend"),
        pytest.param("", SATURDAY, {"country": "IR", "time_zone": "Asia/Tehran"}, SATURDAY, [], id="Saturday is a working day there"),
        pytest.param("", GOOD_FRIDAY, {}, datetime(2026, 4, 7, 6, tzinfo=UTC), ["holiday"], id="Easter is four days long"),
        pytest.param("write_on_weekends = true\nwrite_on_holidays = true", GOOD_FRIDAY, {}, GOOD_FRIDAY, [], id="where settings allow it"),
    ],
)  # fmt: skip
def test_the_customers_own_calendar(house, keep, now, details, due, moved):
    house.configure(f"[outreach]\n{keep}")
    message, by = of_ann(house, now, **details)

    assert (message.state, message.due_at, by) == ("planned", due, moved)


@pytest.mark.parametrize(
    ("says", "due"),
    [("", datetime(2026, 4, 7, 6, tzinfo=UTC)), ("write_on_holidays = true\n", GOOD_FRIDAY),
     ("write_on_weekends = true\n", datetime(2026, 4, 4, 6, tzinfo=UTC))],
)  # fmt: skip
def test_a_playbook_may_say_that_it_cannot_wait(house, says, due):
    house.playbook(holdout=1e-9, more=says)
    house.customers("ann")
    house.flags("ann", day=GOOD_FRIDAY.date() - timedelta(days=1))
    plan(house, GOOD_FRIDAY)
    assert house.message("ann").due_at == due
    send_due(now=GOOD_FRIDAY, settings=house.settings)

    assert house.message("ann").state == ("accepted" if due == GOOD_FRIDAY else "planned")


def test_what_was_found_before_easter_is_still_fresh_after_it(house):
    house.playbook(holdout=1e-9)
    house.customers("ann")
    house.flags("ann", day=GOOD_FRIDAY.date() - timedelta(days=1))
    plan(house, GOOD_FRIDAY)
    send_due(now=datetime(2026, 4, 7, 6, tzinfo=UTC), settings=house.settings)

    assert house.message("ann").state == "accepted"


def test_so_many_an_hour_as_people_can_answer_for(house):
    house.configure(busy(2))
    house.playbook(holdout=1e-9)
    house.crowd(10)
    plan(house)
    hours = [m.due_at.hour for m in sorted(house.messages(), key=lambda m: m.due_at)]

    assert hours == [10] * 4 + [11] * 4 + [12] * 2
    for hour in (10, 11, 12):
        send_due(now=NOW.replace(hour=hour), settings=house.settings)
        assert len(house.mailbox()) == sum(h <= hour for h in hours)


def test_both_arms_keep_their_time_and_count_as_what_is_expected_of_them(house):
    house.configure(busy(2))
    house.crowd(16)
    plan(house)
    due = {m.customer_id: m.due_at.hour for m in house.messages()}

    assert set(house.states()) == {"planned", "held_out"}
    assert sorted(due.values()) == [10] * 7 + [11] * 7 + [12] * 2, "half of eight is expected to be sent"


def test_after_the_last_hour_the_next_morning_follows(house):
    house.configure(busy(1))
    house.playbook(holdout=1e-9)
    house.crowd(16)
    plan(house)

    assert max(m.due_at for m in house.messages()) == datetime(2026, 4, 2, 8, tzinfo=UTC)


def test_a_late_sender_keeps_to_the_hour_too(house):
    house.configure(busy(2))
    house.playbook(holdout=1e-9)
    house.crowd(10)
    plan(house)
    evening = NOW.replace(hour=16)
    sent = send_due(now=evening, settings=house.settings)

    assert sent == {"accepted": 4, "deferred": 6}
    assert {m.due_at for m in house.messages(state="planned")} == {datetime(2026, 4, 2, 8, tzinfo=UTC)}
    assert {tuple(m.reasons) for m in house.messages(state="planned")} == {("pace",)}


@pytest.mark.parametrize(("since", "first_day"), [(date(2026, 4, 1), 4), (date(2026, 3, 31), 6), (date(2026, 3, 1), 12), (None, 12)])
def test_a_new_domain_warms_up_by_a_ramp(house, since, first_day):
    named = f"since = {since}\n" if since else ""
    house.configure(f"[outreach.warm_up]\n{named}first_day = 4\ntimes_a_day = 1.5\nuntil = 9\n")
    house.playbook(holdout=1e-9)
    house.crowd(12)
    plan(house)
    days = [m.due_at.date() for m in house.messages()]

    assert days.count(date(2026, 4, 1)) == first_day
    assert len(days) == 12


def test_a_deferred_message_moves_and_is_never_copied(house):
    house.configure(busy(1))
    house.playbook(holdout=1e-9)
    house.crowd(9)
    keys = None
    for hour in range(10, 17):
        plan(house, NOW.replace(hour=hour))
        send_due(now=NOW.replace(hour=hour), settings=house.settings)
        assert len(house.messages()) == 9
        assert keys in (None, {m.key for m in house.messages()})
        keys = {m.key for m in house.messages()}

    assert house.states() == {"accepted": 9}
    assert len(house.mailbox()) == 9


def test_every_move_says_what_it_moves_for():
    assert set(MOVES) == {"opening_hours", "fix_not_done", "pace", "warm_up"}
    assert all(move.__doc__.startswith(("Move", "Wait")) for move in MOVES.values())


def test_an_hour_list_must_be_a_whole_day(house):
    from core.errors import ConfigError

    with pytest.raises(ConfigError, match=r"outreach\.pace\.answers_by_hour: .*24 hours is needed, got 3"):
        house.configure("[outreach.pace]\nanswers_by_hour = [1, 2, 3]")


def test_a_message_of_another_day_is_not_moved_by_todays_pace(house):
    house.configure(busy(2))
    house.playbook(holdout=1e-9)
    house.crowd(4)
    plan(house)
    house.customers("late")
    house.flags("late", day=DAY + timedelta(days=1))
    plan(house, NOW + timedelta(days=1))

    assert house.message("late").due_at == NOW + timedelta(days=1)
