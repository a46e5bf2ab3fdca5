"""The draw is fair, depends on the unit alone, is written before anything is sent, and stays."""

from collections import Counter
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ledger.assignments import Assignment
from ledger.customers import Customer
from ledger.flags import Flag
from ledger.measures import Measure
from ledger.messages import Message
from ledger.shares import set_share
from outreach.holdout import draw, is_held_out
from outreach.plan import plan_day
from tests.outreach.house import DAY, NOW

UNITS = [f"unit {n}" for n in range(20_000)]


def plan(house, after=timedelta(0)):
    return plan_day(day=DAY + after, now=NOW + after, settings=house.settings)


def arms(house, scope="payment_failing"):
    return {each.unit_id: each.arm for each in house.assignments(scope=scope)}


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
@pytest.mark.parametrize(("salt", "scope"), [("beforehand", "payment_failing"), ("another", "fee_shock")])
def test_the_share_held_out_is_the_share_asked_for(salt, scope, share):
    held = sum(draw(salt, scope, 0, unit) < share for unit in UNITS)
    spread = (share * (1 - share) / len(UNITS)) ** 0.5

    assert abs(held / len(UNITS) - share) < 4 * spread


@pytest.mark.parametrize(("left", "right"), [(("s", "a", 0), ("s", "b", 0)), (("s", "a", 0), ("s", "a", 1)), (("s", "a", 0), ("t", "a", 0)),
                                             (("s", "programme", 0), ("s", "a", 0))])  # fmt: skip
def test_scopes_epochs_and_salts_are_drawn_independently(left, right):
    cells = Counter((draw(*left, unit) < 0.5, draw(*right, unit) < 0.5) for unit in UNITS)

    assert all(abs(n / len(UNITS) - 0.25) < 4 * (0.25 * 0.75 / len(UNITS)) ** 0.5 for n in cells.values())


@given(st.text(), st.text(), st.integers(0, 9), st.text(), st.floats(0, 0.5), st.floats(0, 0.5))
@hypothesis_settings(derandomize=True)
def test_a_larger_share_only_adds_to_the_held_out(salt, scope, epoch, unit, one, other):
    value = draw(salt, scope, epoch, unit)

    assert 0 <= value < 1
    assert value == draw(salt, scope, epoch, unit)
    assert not value < min(one, other) or value < max(one, other)


def test_both_arms_are_written_with_their_time_before_anything_is_sent(house):
    house.crowd(100)
    plan(house)

    assert house.count(Assignment) == 100
    assert {each.assigned_at for each in house.assignments()} == {NOW}
    assert {each.share for each in house.assignments()} == {0.5}
    assert {each.frozen_until for each in house.assignments()} == {date(2027, 9, 30)}
    assert house.states() == {"planned": 51, "held_out": 49}
    assert all(message.due_at == NOW for message in house.messages(state="held_out")), "they keep the time they would have had"


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_flags_changes_no_arm(house, seed):
    crowd = [f"c{n:05d}" for n in range(60)]
    house.customers(*crowd)
    house.flags(*Random(seed).sample(crowd, len(crowd)))
    plan(house)

    assert arms(house) == {c: "hold_out" if draw("beforehand", "payment_failing", 0, c) < 0.5 else "contact" for c in crowd}


def test_an_arm_stays_when_the_share_changes_and_the_unit_is_flagged_again(house):
    crowd = house.crowd(60)
    plan(house)
    before = arms(house)
    house.playbook(holdout=0.05)
    house.change(Flag, {"state": "open"}, state="over")
    later = timedelta(days=30)
    house.customers("new")
    house.flags(*crowd, "new", day=DAY + later)
    plan(house, later)

    assert {unit: arm for unit, arm in arms(house).items() if unit != "new"} == before
    assert {each.share for each in house.assignments(unit_id="new")} == {0.05}
    assert {m.customer_id for m in house.messages(state="held_out", day=DAY + later)} >= {u for u, a in before.items() if a == "hold_out"}


@pytest.mark.parametrize(("days", "epochs"), [(30, {0}), (547, {0}), (548, {0, 1})])
def test_a_unit_is_drawn_again_only_after_its_frozen_months(house, days, epochs):
    crowd = house.crowd(20)
    plan(house)
    house.change(Flag, {"state": "open"}, state="over")
    house.flags(*crowd, day=DAY + timedelta(days=days))
    plan(house, timedelta(days=days))

    assert {each.epoch for each in house.assignments()} == epochs


def test_units_that_merge_keep_the_arm_that_was_drawn_first(house):
    house.configure("[outreach]\ncontact_unit = 'account'")
    held, told = (next(f"c{n}" for n in range(99) if (draw("beforehand", "payment_failing", 0, f"c{n}") < 0.5) == out)
                  for out in (True, False))  # fmt: skip
    house.customers(held, told)
    house.flags(held)
    plan(house)
    later = timedelta(days=20)
    house.flags(told, day=DAY + later)
    plan(house, later)
    house.change(Customer, {"customer_id": held}, unit_id="household")
    house.change(Customer, {"customer_id": told}, unit_id="household")
    house.change(Flag, {}, state="over")
    house.flags(told, day=DAY + 2 * later)
    plan(house, 2 * later)

    assert house.messages(day=DAY + 2 * later)[0].state == "held_out"
    assert house.count(Assignment) == 2


def test_the_programmes_holdout_comes_first_and_the_issues_is_drawn_for_the_rest(house):
    house.configure("[outreach]\nglobal_holdout = 0.3")
    house.crowd(100)
    plan(house)
    programme, issue = arms(house, "programme"), arms(house)

    out = {unit for unit, arm in programme.items() if arm == "hold_out"}
    assert len(programme) == 100
    assert 15 < len(out) < 45
    assert issue.keys() == programme.keys() - out
    assert {m.customer_id for m in house.messages(state="held_out") if m.reasons == ["programme"]} == out


def test_where_nobody_may_be_held_out_all_are_told_and_it_is_marked(house):
    house.configure("[outreach]\nglobal_holdout = 0.5")
    house.playbook(holdout=0, more="never_hold_out = true")
    house.crowd(20)
    plan(house)

    assert house.states() == {"planned": 20}
    assert {(each.scope, each.share) for each in house.assignments()} == {("payment_failing", 0.0)}


def test_a_refused_flag_draws_no_arm(house):
    house.customers("ann", consent=False)
    house.flags("ann")
    plan(house)

    assert house.count(Assignment) == 0


def test_shadow_draws_no_arms(house):
    house.playbook(mode="shadow")
    house.crowd(10)
    plan(house)

    assert house.states() == {"shadow": 10}
    assert (house.count(Assignment), house.count(Measure)) == (0, 0)


def test_the_measure_is_frozen_at_the_first_assignment(house):
    house.crowd(2)
    plan(house)
    with house.open() as session:
        (frozen,) = session.query(Measure).all()

    assert frozen.measure == {"outcome": "retained", "horizon_months": 6, "smallest_effect": 0.02, "cap": None,
                              "stop": {"outcome": "retained", "horizon_months": 1, "planned_units": 5000}}
    assert frozen.frozen_at == NOW


def test_others_may_ask_whether_a_unit_is_held_out(house):
    house.crowd(30)
    plan(house)
    for unit, arm in arms(house).items():
        with house.open() as session:
            asked = {day: is_held_out(session, unit, issue="payment_failing", day=day, settings=house.settings)
                     for day in (DAY, date(2027, 9, 29), date(2027, 9, 30))}  # fmt: skip
        assert list(asked.values()) == [arm == "hold_out", arm == "hold_out", False]
    assert house.count(Message) == 30


def test_the_ledgers_share_counts_for_new_draws_from_its_day_on(house):
    with house.open.begin() as session:
        set_share(session, issue="payment_failing", share=0.02, from_day=DAY + timedelta(days=20), reason="proven", now=NOW)
    before = house.crowd(30)
    plan(house)
    house.change(Flag, {}, state="over")
    new = [f"n{n:05d}" for n in range(30)]
    house.customers(*new)
    later = timedelta(days=20)
    house.flags(*before, *new, day=DAY + later)
    plan(house, later)

    assert {each.share for each in house.assignments() if each.unit_id in before} == {0.5}
    assert {each.share for each in house.assignments() if each.unit_id in new} == {0.02}
    assert house.count(Assignment) == 60


def test_nobody_is_held_out_where_nobody_may_be_whatever_the_ledgers_share(house):
    house.playbook(holdout=0, more="never_hold_out = true")
    with house.open.begin() as session:
        set_share(session, issue="payment_failing", share=0.5, from_day=DAY, reason="by mistake", now=NOW)
    house.crowd(20)
    plan(house)

    assert house.states() == {"planned": 20}


def test_of_merged_units_the_earliest_arm_that_is_still_frozen_counts_not_a_newer_draw(house):
    """One was drawn, thawed and drawn again; the other was drawn between the two and is frozen still."""
    house.configure("[outreach]\ncontact_unit = 'account'")
    house.customers("old", "middle", unit_id="household")
    draws = [("old", 0, "contact", DAY - timedelta(days=700)), ("middle", 0, "hold_out", DAY - timedelta(days=300)),
             ("old", 1, "contact", DAY - timedelta(days=100))]  # fmt: skip
    for unit, epoch, arm, on in draws:
        house.add(Assignment(scope="payment_failing", unit_id=unit, epoch=epoch, arm=arm, share=0.5, customer_id=unit, flag_id=None,
                             playbook_version="v", mode="live", assigned_at=NOW - (DAY - on), assigned_on=on,
                             frozen_until=on + timedelta(days=548)))  # fmt: skip

    def is_out(days):
        with house.open() as session:
            return is_held_out(session, "household", issue="payment_failing", day=DAY + timedelta(days=days), settings=house.settings)

    assert [is_out(days) for days in (-250, 0, 247, 249)] == [False, True, True, False]
