"""The fix is ordered once, in both arms, before the words that claim it; every doubt is listed."""

import json
from datetime import timedelta

import pytest

from core.errors import ConfigError, LedgerError
from ledger.actions import Action, ActionState, claim_actions, expire_actions
from ledger.flags import Flag
from ledger.messages import Message
from outreach import hook as seam
from outreach.act import act_due, settle
from outreach.hook import Answer, Fate
from outreach.kill_switch import pause, resume
from outreach.plan import plan_day
from outreach.send import send_due
from tests.outreach.house import DAY, NOW, minutes

FIX = '[action]\nwhat = "retry_payment"\nhook = "file"\ntests = "{tests}"\n'


@pytest.fixture
def fixing(house):
    """A house whose playbook retries a payment and tests the message."""
    house.playbook(more=FIX.format(tests="the message"))
    return house


def plan(house, now=NOW):
    return plan_day(day=DAY, now=now, settings=house.settings)


def act(house, now=NOW, **options):
    return act_due(now=now, settings=house.settings, **options)


def send(house, now=NOW):
    return send_due(now=now, settings=house.settings)


def actions(house, **where):
    from sqlalchemy import select

    with house.open() as session:
        return list(session.scalars(select(Action).filter_by(**where).order_by(Action.id)))


class Answering:
    """A hook that answers what it is told to, and counts its orders."""

    name, past_too = "file", True

    def __init__(self, *answers):
        self.answers, self.orders = list(answers), []

    def check(self, parameters, *, where):
        """Take any."""

    def carry_out(self, order, *, settings, now):
        self.orders.append(order)
        answer = self.answers[min(len(self.orders), len(self.answers)) - 1]
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def hooked(monkeypatch):
    def put(*answers):
        made = Answering(*answers)
        monkeypatch.setattr(seam, "hooks", lambda: {"file": made})
        return made

    return put


def test_the_arms_differ_by_the_message_alone(fixing):
    fixing.crowd(40)
    assert plan(fixing)["actions"] == 40
    assert act(fixing) == {"done": 40}
    send(fixing)

    assert set(fixing.states()) == {"accepted", "held_out"}
    files = sorted((fixing.settings.root / "actions" / DAY.isoformat()).iterdir())
    assert [json.loads(f.read_text())["key"] for f in files] == sorted(a.key for a in actions(fixing))


def test_where_the_action_is_what_is_tested_the_held_out_go_without(house):
    house.playbook(more=FIX.format(tests="the action"))
    house.crowd(40)
    plan(house)

    told = {m.customer_id for m in house.messages(state="planned")}
    assert {a.customer_id for a in actions(house)} == told
    assert 0 < len(told) < 40


def test_a_playbook_must_say_what_is_tested(house):
    house.playbook(more=FIX.format(tests="the message").replace('tests = "the message"', ""))

    with pytest.raises(ConfigError, match=r"key 'action\.tests' is missing"):
        plan(house)


def test_rerun_clear_and_backfill_order_it_once(fixing):
    from ledger.cohorts import Cohort

    fixing.crowd(10)
    for hours in range(4):
        plan(fixing, NOW + timedelta(hours=hours))
        act(fixing, NOW + timedelta(hours=hours))
        send(fixing, NOW + timedelta(hours=hours))
        fixing.change(Cohort, {"day": DAY}, planned_at=None)

    assert fixing.count(Action) == fixing.count(Message) == 10
    assert len(list((fixing.settings.root / "actions").glob("*/*"))) == 10


def test_words_that_claim_it_wait_for_the_receipt(fixing, hooked):
    hooked(Answer(Fate.DEFERRED, reason="busy"), Answer(Fate.DONE, "r1"))
    fixing.playbook(holdout=1e-9, more=FIX.format(tests="the message"))
    fixing.customers("ann")
    fixing.flags("ann")
    plan(fixing)
    assert act(fixing) == {"deferred": 1}
    assert send(fixing) == {"deferred": 1}
    assert fixing.message("ann").state == "planned"
    assert act(fixing, NOW + minutes(16)) == {"done": 1}
    assert send(fixing, NOW + minutes(16)) == {"accepted": 1}


def test_with_words_for_the_time_before_the_message_goes_at_once_and_says_those(fixing, hooked):
    hooked(Answer(Fate.UNCERTAIN))
    fixing.playbook(holdout=1e-9, more=FIX.format(tests="the message"))
    path = fixing.settings.folder / "playbooks" / "payment_failing.toml"
    path.write_text(path.read_text()
                    .replace('"We try again by ourselves."', '"We have tried again."\nwhat_we_are_doing = "We are about to try again."')
                    .replace('"Wir versuchen es von selbst noch einmal."', '"Erledigt."\nwhat_we_are_doing = "Wir sind dabei."'))  # fmt: skip
    fixing.customers("ann")
    fixing.flags("ann")
    plan(fixing)
    act(fixing)
    send(fixing)

    (letter,) = fixing.mailbox()
    assert "We are about to try again." in letter.read_text()
    assert "We have tried again." not in letter.read_text()


def test_no_answer_is_a_doubt_that_no_machine_resolves_and_a_person_does(fixing, hooked):
    made = hooked(Answer(Fate.UNCERTAIN, reason="timed out"))
    fixing.customers("ann")
    fixing.flags("ann")
    plan(fixing)
    assert act(fixing) == {"uncertain": 1}
    assert act(fixing, NOW + timedelta(days=1)) == {}
    assert len(made.orders) == 1
    (doubt,) = actions(fixing)
    settle(fixing.settings, doubt.id, as_done=True, by="Mia", now=NOW)

    assert actions(fixing)[0].state == "done"
    with pytest.raises(LedgerError, match="is not uncertain, so there is nothing to settle"):
        settle(fixing.settings, doubt.id, as_done=False, by="Mia", now=NOW)


def test_a_worker_that_dies_in_the_call_leaves_a_doubt(fixing, hooked):
    made = hooked(KeyboardInterrupt())
    fixing.customers("ann")
    fixing.flags("ann")
    plan(fixing)
    with pytest.raises(KeyboardInterrupt):
        act(fixing)
    assert actions(fixing)[0].state == "claimed"
    act(fixing, NOW + timedelta(hours=1))

    assert actions(fixing)[0].state == "uncertain"
    assert len(made.orders) == 1


def test_an_old_holder_cannot_record_over_a_newer_one(fixing):
    from ledger.actions import Done, record_actions

    fixing.customers("ann")
    fixing.flags("ann")
    plan(fixing)
    with fixing.open.begin() as session:
        (claimed,) = claim_actions(session, now=NOW, lease=minutes(5), limit=9)
        assert claim_actions(session, now=NOW, lease=minutes(5), limit=9) == []
        assert expire_actions(session, now=NOW + minutes(6)) == 1
        assert record_actions(session, [Done(claimed.id, claimed.fence, ActionState.DONE)], now=NOW) == set()


def test_what_is_over_is_not_fixed_any_more(fixing):
    fixing.crowd(3)
    plan(fixing)
    fixing.change(Flag, {"customer_id": "c00001"}, state="over")

    assert act(fixing) == {"done": 2, "stopped": 1}


def test_while_paused_nothing_is_done_and_afterwards_it_is(fixing):
    fixing.crowd(3)
    plan(fixing)
    with fixing.open.begin() as session:
        pause(session, actor="mia", note="wrong fix", now=NOW)
    assert act(fixing) == {}
    with fixing.open.begin() as session:
        resume(session, actor="mia", note="mended", now=NOW)
    assert act(fixing) == {"done": 3}


@pytest.mark.parametrize(("details", "fixed"), [({"consent": False}, True), ({"address": None}, True)])
def test_who_may_not_be_written_to_is_fixed_all_the_same(fixing, details, fixed):
    fixing.customers("ann", **details)
    fixing.flags("ann")
    plan(fixing)

    assert bool(actions(fixing)) == fixed
    assert fixing.message("ann").state == "suppressed"


@pytest.mark.parametrize("change", [{"replay": True}, {"state": "over"}])
def test_what_is_no_longer_true_is_not_fixed(fixing, change):
    fixing.customers("ann")
    (flag,) = fixing.flags("ann")
    fixing.change(Flag, {"id": flag}, **change)
    plan(fixing)

    assert actions(fixing) == []


def test_a_shadow_does_nothing(house):
    house.playbook(mode="shadow", more=FIX.format(tests="the message"))
    house.crowd(3)
    plan(house)

    assert actions(house) == []


def test_fix_silently_is_a_playbook_and_every_flag_is_accounted_for(fixing):
    from outreach.reconcile import reconcile

    path = fixing.settings.folder / "playbooks" / "payment_failing.toml"
    path.write_text(path.read_text().partition("[message.en]")[0])
    fixing.crowd(10)
    plan(fixing)
    act(fixing)
    send(fixing)

    assert {(m.state, tuple(m.reasons)) for m in fixing.messages()} == {("suppressed", ("silent",))}
    assert {a.state for a in actions(fixing)} == {"done"}
    assert fixing.assignments() == []
    assert reconcile(fixing.settings)["flagged"].to_list() == [10]


def test_a_playbook_that_neither_says_nor_does_anything_is_refused(house):
    path = house.settings.folder / "playbooks" / "payment_failing.toml"
    path.write_text(path.read_text().partition("[message.en]")[0])

    with pytest.raises(ConfigError, match=r"message: a playbook says something or does something, got neither"):
        plan(house)


def test_a_played_past_touches_nothing_outside(fixing):
    url = '[action.with]\nurl = "https://billing.example/orders"\nsecret_env = "BILLING_SECRET"\n'
    fixing.playbook(more=FIX.format(tests="the message").replace('"file"', '"webhook"') + url)
    fixing.crowd(1)
    plan(fixing)

    with pytest.raises(ConfigError, match="a past day may only be played with hooks that touch nothing outside, got 'webhook'"):
        act(fixing, played=True)
