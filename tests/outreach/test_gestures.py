"""Amends are believed, given within authority and budget, approved by others above it, and put right by a receipt."""

from datetime import timedelta

import pytest

from core.errors import ConfigError, LedgerError
from ledger.actions import Action
from ledger.gestures import Gesture
from outreach.act import act_due
from outreach.gestures import Claim, approve, decline, give, put_right, spent, this_was_wrong
from outreach.plan import plan_day
from outreach.playbook import load_playbooks
from outreach.send import send_due
from tests.outreach.house import DAY, NOW

AMENDS = """
[gesture]
what = "credit"
hook = "file"
cents = 500
authority_cents = 1000
four_eyes_above_cents = 5000
budget_cents_a_month = 20000
"""

UPDATE = """
[update]
after_days = 1

[update.message.en]
subject       = "Where we are"
preview       = "A short note."
what_happened = "It is not over yet."
what_we_did   = "We went on."
what_you_do   = "You need not do anything."
"""


@pytest.fixture
def giving(house):
    house.any_day()
    house.playbook(more=AMENDS)
    return house


def playbook(house):
    return load_playbooks(house.settings)["payment_failing"]


def ask(house, claim, now=NOW):
    with house.open.begin() as session:
        return give(session, playbook(house), claim, settings=house.settings, now=now)


def decide(house, gesture, by, now=NOW):
    with house.open.begin() as session:
        return approve(session, gesture.id, playbook(house), by=by, settings=house.settings, now=now).state


def used(house):
    with house.open() as session:
        return spent(session, "payment_failing", NOW.date().replace(day=1))


def test_this_was_wrong_is_believed_and_put_right_at_once(giving):
    gesture = ask(giving, this_was_wrong("ann", "You charged me twice."))
    act_due(now=NOW + timedelta(hours=3), settings=giving.settings)

    assert (gesture.state, gesture.cents, gesture.first_by) == ("granted", 500, None)
    with giving.open() as session:
        found = put_right(session, issue="payment_failing", since=NOW, until=NOW + timedelta(days=1))
    assert (found.told, found.done, found.within_a_day) == (1, 1, 1)


@pytest.mark.parametrize(("hours", "in_time"), [(23, 1), (24, 1), (25, 0)])
def test_within_a_day_is_by_the_receipt(giving, hours, in_time):
    ask(giving, this_was_wrong("ann", "It was wrong."))
    act_due(now=NOW + timedelta(hours=hours), settings=giving.settings)

    with giving.open() as session:
        assert put_right(session, issue="payment_failing", since=NOW, until=NOW + timedelta(days=1)).within_a_day == in_time


def test_the_same_claim_twice_is_one_gesture_and_one_action(giving):
    one, other = ask(giving, this_was_wrong("ann", "Twice!")), ask(giving, this_was_wrong("ann", "Twice!"), NOW + timedelta(hours=1))

    assert one.id == other.id
    assert giving.count(Gesture) == giving.count(Action) == 1


def test_above_ones_authority_another_person_approves(giving):
    gesture = ask(giving, Claim("ann", "a bad month", "Otto", cents=2000))
    assert (gesture.state, gesture.why_waiting, giving.count(Action)) == ("waiting", "over_authority", 0)
    with pytest.raises(LedgerError, match="needs another person's eyes, got 'Otto', who asked for it"):
        decide(giving, gesture, "Otto")

    assert decide(giving, gesture, "Mia") == "granted"
    assert giving.count(Action) == 1


def test_above_the_line_two_others_do(giving):
    gesture = ask(giving, Claim("ann", "a bad year", "Otto", cents=6000))
    assert decide(giving, gesture, "Mia") == "waiting"
    with pytest.raises(LedgerError, match="got 'Mia', who asked for it or approved it already"):
        decide(giving, gesture, "Mia")

    assert decide(giving, gesture, "Ines") == "granted"
    with pytest.raises(LedgerError, match="is granted, so there is nothing to decide. Known: none waits"):
        decide(giving, gesture, "Eva")


def test_over_the_months_budget_it_waits_and_a_new_month_has_a_new_one(giving):
    for n in range(40):
        ask(giving, Claim(f"c{n}", "sorry", "Otto"))
    assert used(giving) == 20000
    late = ask(giving, Claim("late", "sorry", "Otto"))
    next_month = ask(giving, Claim("next", "sorry", "Otto"), NOW + timedelta(days=31))

    assert (late.state, late.why_waiting) == ("waiting", "over_budget")
    assert next_month.state == "granted"


def test_what_is_declined_is_not_done(giving):
    gesture = ask(giving, Claim("ann", "please", "Otto", cents=2000))
    with giving.open.begin() as session:
        assert decline(session, gesture.id, by="Mia", why="paid back already", settings=giving.settings, now=NOW).state == "declined"

    assert giving.count(Action) == 0


def test_what_a_customer_asked_for_beyond_the_budget_needs_two_of_us(giving):
    for n in range(40):
        ask(giving, Claim(f"c{n}", "sorry", "Otto"))
    told = ask(giving, this_was_wrong("ann", "Charged twice."))
    assert (told.state, told.why_waiting) == ("waiting", "over_budget")

    assert decide(giving, told, "Otto") == "waiting"
    assert decide(giving, told, "Mia") == "granted"


@pytest.mark.parametrize("verdict", ["approve", "decline"])
def test_while_a_gesture_waits_nothing_more_is_said_about_its_flag(giving, verdict):
    giving.playbook(holdout=1e-9, more=AMENDS + UPDATE)
    giving.customers("ann", "bob")
    flag, _ = giving.flags("ann", "bob")
    plan_day(day=DAY, now=NOW, settings=giving.settings)
    send_due(now=NOW, settings=giving.settings)
    gesture = ask(giving, Claim("ann", "a bad month", "Otto", flag_id=flag, cents=2000))
    later = NOW + timedelta(days=1)
    plan_day(day=DAY + timedelta(days=1), now=later, settings=giving.settings)
    assert {m.customer_id: m.needs_approval for m in giving.messages(kind="update")} == {"ann": True, "bob": False}
    send_due(now=later, settings=giving.settings)
    assert {m.customer_id: m.state for m in giving.messages(kind="update")} == {"ann": "planned", "bob": "accepted"}

    with giving.open.begin() as session:
        act = {"by": "Mia", "settings": giving.settings, "now": later}
        approve(session, gesture.id, playbook(giving), **act) if verdict == "approve" else decline(session, gesture.id, why="no", **act)
    send_due(now=later, settings=giving.settings)
    assert {m.state for m in giving.messages(kind="update")} == {"accepted"}


@pytest.mark.parametrize(
    ("more", "says"),
    [("", r"gesture: nothing may be given away, got no \[gesture\]"),
     (AMENDS.replace("authority_cents = 1000", "authority_cents = 100"), "cents, authority_cents and four_eyes_above_cents must not fall"),
     (AMENDS + "[gesture.surprise]\nshare = 0.1\ncents = 1001\n", "surprise.cents must lie within authority_cents, since nobody is asked, got 1001")],
)  # fmt: skip
def test_without_a_sound_gesture_nothing_is_given(house, more, says):
    house.playbook(more=more)
    with pytest.raises(ConfigError, match=says):
        ask(house, Claim("ann", "please", "Otto"))
