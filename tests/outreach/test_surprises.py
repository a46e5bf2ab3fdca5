"""Something small follows what was put right: by its receipt, within the month's budget, once a flag, whichever arm."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ledger.actions import Action, ActionState
from ledger.gestures import Gesture
from outreach.act import act_due, settle
from outreach.gestures import Claim, give, spent, this_was_wrong
from outreach.plan import plan_day
from outreach.playbook import load_playbooks
from tests.outreach.house import DAY, NOW
from tests.outreach.test_gestures import AMENDS

SURPRISE = "[gesture.surprise]\nshare = 0.2\ncents = 300\n"
FIX = '[action]\nwhat = "retry"\nhook = "file"\ntests = "the message"\n'


@pytest.fixture
def giving(house):
    house.playbook(more=AMENDS + SURPRISE)
    return house


def ask(house, claim, now=NOW):
    with house.open.begin() as session:
        return give(session, load_playbooks(house.settings)["payment_failing"], claim, settings=house.settings, now=now)


def surprises(house):
    with house.open() as session:
        return list(session.scalars(select(Gesture).where(Gesture.kind == "surprise").order_by(Gesture.id)))


def used(house):
    with house.open() as session:
        return spent(session, "payment_failing", NOW.date().replace(day=1))


def test_a_mistake_put_right_is_followed_by_something_small_once_a_flag(giving):
    giving.customers("ann")
    (flag,) = giving.flags("ann")
    ask(giving, this_was_wrong("ann", "You charged me twice.", flag_id=flag))
    assert act_due(now=NOW, settings=giving.settings) == {"done": 2, "surprised": 1}

    (surprise,) = surprises(giving)
    assert (surprise.customer_id, surprise.flag_id, surprise.cents, surprise.state) == ("ann", flag, 300, "granted")
    assert [act_due(now=NOW + timedelta(hours=n), settings=giving.settings) for n in (1, 2)] == [{}, {}]
    assert used(giving) == 800


def test_nothing_follows_before_the_receipt_and_something_does_when_a_person_settles_the_doubt(giving):
    ask(giving, this_was_wrong("ann", "Twice!"))
    giving.change(Action, {}, state=ActionState.UNCERTAIN)
    assert act_due(now=NOW, settings=giving.settings) == {}
    assert surprises(giving) == []

    settle(giving.settings, 1, as_done=True, by="Mia", now=NOW)
    assert act_due(now=NOW, settings=giving.settings) == {"surprised": 1, "done": 1}


def test_goodwill_and_another_surprise_are_no_reason_for_one(giving):
    ask(giving, Claim("ann", "a bad month", "Otto"))
    assert act_due(now=NOW, settings=giving.settings) == {"done": 1}
    assert surprises(giving) == []


def test_a_share_of_the_fixes_is_followed_by_one_whichever_the_arm(giving):
    giving.playbook(more=AMENDS.replace("20000", "200000") + SURPRISE + FIX)
    giving.crowd(100)
    plan_day(day=DAY, now=NOW, settings=giving.settings)
    act_due(now=NOW, settings=giving.settings)
    held_out = {m.customer_id for m in giving.messages(state="held_out")}
    given = {each.customer_id for each in surprises(giving)}
    act_due(now=NOW + timedelta(hours=1), settings=giving.settings)

    assert 8 < len(given) < 35
    assert given & held_out
    assert given - held_out
    assert len(surprises(giving)) == len(given)


def test_it_stops_at_the_budget_and_never_waits_for_anybody(giving):
    for n in range(38):
        ask(giving, Claim(f"x{n}", "sorry", "Otto"))
    for n in range(2):
        ask(giving, this_was_wrong(f"y{n}", "Twice!"))
    assert used(giving) == 20000
    act_due(now=NOW, settings=giving.settings)
    assert surprises(giving) == []

    ask(giving, this_was_wrong("z", "Twice!"))
    assert act_due(now=NOW + timedelta(hours=1), settings=giving.settings) == {}
    assert {(g.state) for g in surprises(giving)} == set()


def test_while_everything_is_stopped_nobody_is_surprised(giving):
    ask(giving, this_was_wrong("ann", "Twice!"))
    act_due(now=NOW, settings=giving.settings)
    giving.change(Gesture, {"kind": "surprise"}, kind="goodwill")
    giving.configure("[outreach]\npaused = true")

    assert act_due(now=NOW, settings=giving.settings) == {}
