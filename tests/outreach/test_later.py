"""Update, fixed and survey follow a notice, each at most once, each stopped when it is no longer true."""

from datetime import timedelta

import pytest

from ledger.flags import Flag
from ledger.messages import Message
from outreach.act import act_due
from outreach.plan import plan_approved, plan_day
from outreach.send import send_due
from tests.outreach.house import DAY, NOW, PLAYBOOK

WORDS = PLAYBOOK[PLAYBOOK.index("[message.en]"):PLAYBOOK.index("[message.de]")].replace("{{{{", "{{").replace("}}}}", "}}")
WORDS = WORDS.replace("{{%", "{%").replace("%}}", "%}").replace("Something went wrong", "About what went wrong")


def later(**after):
    return "".join(f"[{kind}]\nafter_days = {days}\n" + WORDS.replace("[message.en]", f"[{kind}.message.en]") for kind, days in after.items())


def told(house, *customers, more="", **after):
    """Tell customers, with a playbook that says more later on, on whatever day that is."""
    house.playbook(holdout=1e-9, more="write_on_weekends = true\nwrite_on_holidays = true\n" + more)
    path = house.settings.folder / "playbooks" / "payment_failing.toml"
    path.write_text(path.read_text() + later(**after))
    house.customers(*customers)
    house.flags(*customers)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    act_due(now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)


def on(house, days):
    """Plan and send so many days later; return the kinds each customer has heard by then."""
    now = NOW + timedelta(days=days)
    plan_approved(now=now, settings=house.settings)
    send_due(now=now, settings=house.settings)
    return [message.kind for message in house.messages(state="accepted")]


def close(house, state, days=1):
    house.change(Flag, {}, state=state, closed_on=DAY + timedelta(days=days))


def test_an_update_comes_once_while_the_trouble_lasts(house):
    told(house, "ann", update=7)

    assert on(house, 6) == ["notice"]
    assert on(house, 7) == ["notice", "update"]
    assert on(house, 20) == ["notice", "update"]


@pytest.mark.parametrize("state", ["over", "struck", "expired", "rejected"])
def test_no_update_once_the_trouble_is_over(house, state):
    told(house, "ann", update=7)
    close(house, state)

    assert on(house, 7) == ["notice"]


def test_an_update_that_is_planned_is_stopped_when_the_trouble_ends_before_it_is_sent(house):
    told(house, "ann", update=7)
    plan_approved(now=NOW + timedelta(days=7), settings=house.settings)
    close(house, "over", days=7)
    send_due(now=NOW + timedelta(days=7), settings=house.settings)

    assert [(m.state, m.reasons) for m in house.messages(kind="update")] == [("suppressed", ["trouble_over"])]


def test_fixed_and_survey_follow_when_it_is_over(house):
    told(house, "ann", fixed=0, survey=10)
    close(house, "over", days=3)

    assert on(house, 3) == ["notice", "fixed"]
    assert on(house, 11) == ["notice", "fixed"]
    assert on(house, 12) == ["notice", "fixed", "survey"]
    assert on(house, 90) == ["notice", "fixed", "survey"]


def test_fixed_follows_the_receipt_that_came_after_the_notice(house):
    fix = '[action]\nwhat = "retry"\nhook = "file"\ntests = "the message"\n'
    told(house, "ann", more=fix, fixed=0)
    assert on(house, 1) == ["notice"], "the notice itself said it was done"
    with house.open.begin() as session:
        from ledger.actions import Action

        session.query(Action).update({"settled_at": NOW + timedelta(days=1)})

    assert on(house, 2) == ["notice", "fixed"]


def test_nothing_follows_for_those_who_were_held_out(house):
    told(house, "ann", update=1, fixed=0, survey=1)
    house.change(Message, {}, state="held_out")
    close(house, "over")
    on(house, 9)

    assert [m.kind for m in house.messages()] == ["notice"]


def test_a_later_message_says_its_own_words_and_has_its_own_key(house):
    told(house, "ann", update=1)
    on(house, 2)

    assert len({m.key for m in house.messages()}) == 2
    assert sum("About what went wrong" in letter.read_text() for letter in house.mailbox()) == 1


def test_an_opt_out_meanwhile_stops_what_would_follow(house):
    from ledger.suppressions import Suppression

    told(house, "ann", update=1)
    house.add(Suppression(subject="ann", topic="all", reason="opt_out", since=NOW))
    on(house, 2)

    assert [m.reasons for m in house.messages(kind="update")] == [["suppressed"]]
