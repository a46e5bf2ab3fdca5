"""The gate refuses for stated reasons, all of them, and cannot tell the arms apart."""

from datetime import timedelta

import pytest

from ledger.brakes import Brake
from ledger.customers import Customer
from ledger.flags import Flag
from ledger.messages import Message
from ledger.preferences import Preference
from ledger.suppressions import Suppression
from ledger.targets import Target
from outreach.gate import RULES, WOULD_BE_SENT, Candidate, gather, refusals
from outreach.gate.rules import STOPS_THE_FIX
from outreach.keyed_hash import suppression_hash
from outreach.kill_switch import pause, resume
from outreach.plan import CANDIDATES, plan_day
from outreach.playbook import load_playbooks
from outreach.send import send_due
from tests.outreach.house import DAY, NOW


def refused(house, flag):
    plan_day(day=DAY, now=NOW, settings=house.settings)
    return house.verdict(flag).reasons


def suppression(subject, topic="all", reason="opt_out"):
    return Suppression(subject=subject, topic=topic, reason=reason, since=NOW)


def test_a_customer_with_nothing_against_them_passes(house):
    house.customers("ann")
    (flag,) = house.flags("ann")

    assert refused(house, flag) == []
    assert house.verdict(flag).passed


def test_a_customer_we_know_nothing_about_is_not_written_to(house):
    (flag,) = house.flags("nobody")

    assert refused(house, flag) == ["no_address", "no_consent"]
    assert house.message("nobody").state == "suppressed"
    assert house.message("nobody").reasons == ["no_address", "no_consent"]


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"address": None}, "no_address"), ({"address": "nobody"}, "no_address"), ({"address": "a b@example.org"}, "no_address"),
        ({"address": "zoë@example.org"}, "no_address"), ({"address": "a@example.org\nbcc: b@example.org"}, "no_address"),
        ({"consent": False}, "no_consent"),
    ],
)  # fmt: skip
def test_contact_details_that_will_not_do(house, details, reason):
    house.customers("ann", **details)
    (flag,) = house.flags("ann")

    assert refused(house, flag) == [reason]


@pytest.mark.parametrize(
    ("details", "reason"), [({"replay": True}, "replay"), ({"state": "struck"}, "trouble_over"), ({"state": "over"}, "trouble_over")]
)
def test_a_flag_that_is_replayed_or_closed(house, details, reason):
    house.customers("ann")
    (flag,) = house.flags("ann")
    house.change(Flag, {"id": flag}, **details)

    assert refused(house, flag) == [reason]


@pytest.mark.parametrize(("days", "reasons"), [(0, []), (4, []), (5, ["stale_score"]), (90, ["stale_score"])])
def test_a_stale_score_never_sends(house, days, reasons):
    house.customers("ann")
    (flag,) = house.flags("ann")
    plan_day(day=DAY, now=NOW + timedelta(days=days), settings=house.settings)

    assert house.verdict(flag).reasons == reasons


@pytest.mark.parametrize("topic", ["all", "payment_failing", "account notices"])
@pytest.mark.parametrize("subject", ["ann", "ann@example.org"])
def test_an_opt_out_holds_for_the_customer_and_the_address(house, subject, topic):
    house.customers("ann", "bob")
    flags = house.flags("ann", "bob")
    house.add(suppression(subject, topic))

    assert refused(house, flags[0]) == ["suppressed"]
    assert house.verdict(flags[1]).passed


def test_an_opt_out_of_another_topic_is_no_opt_out_of_this_one(house):
    house.customers("ann")
    (flag,) = house.flags("ann")
    house.add(suppression("ann", "price notices"))

    assert refused(house, flag) == []


@pytest.mark.parametrize("subject", ["ann", "ann@example.org"])
def test_the_erased_stay_suppressed_though_only_a_keyed_hash_is_left(house, subject):
    house.customers("ann")
    (flag,) = house.flags("ann")
    house.add(suppression(suppression_hash(house.settings, subject), reason="erased"))

    assert refused(house, flag) == ["erased"]


def test_every_reason_is_recorded_not_only_the_first(house):
    house.customers("ann", consent=False, address=None)
    (flag,) = house.flags("ann")
    house.add(suppression("ann"))
    plan_day(day=DAY, now=NOW + timedelta(days=30), settings=house.settings)

    assert house.verdict(flag).reasons == ["stale_score", "no_address", "no_consent", "suppressed"]


@pytest.mark.parametrize("holdout", [1e-9, 0.5])
def test_the_gate_is_blind_to_the_arm(house, holdout):
    """Whoever would have been written to last week is left alone this week, whether they were held out or not."""
    house.playbook(holdout=holdout)
    house.playbook("other")
    crowd = house.crowd(40)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)
    week = timedelta(days=7)
    again = house.flags(*crowd, issue="other", day=DAY + week)
    plan_day(day=DAY + week, now=NOW + week, settings=house.settings)

    assert [house.verdict(flag).reasons for flag in again] == [["quiet_days"]] * 40


def test_after_its_quiet_days_a_playbook_speaks_again(house):
    house.customers("ann")
    later = timedelta(days=15)
    house.flags("ann")
    plan_day(day=DAY, now=NOW, settings=house.settings)
    house.change(Flag, {"customer_id": "ann"}, state="over")
    (flag,) = house.flags("ann", day=DAY + later)
    plan_day(day=DAY + later, now=NOW + later, settings=house.settings)

    assert house.verdict(flag).passed


def test_a_unit_hears_from_us_only_so_often_in_four_weeks(house):
    house.configure("[outreach]\nmessages_per_unit_28d = 1\ncontact_unit = 'account'")
    house.customers("ann", "bob", unit_id="household")
    house.flags("ann")
    plan_day(day=DAY, now=NOW, settings=house.settings)
    later = timedelta(days=20)
    (flag,) = house.flags("bob", day=DAY + later)
    plan_day(day=DAY + later, now=NOW + later, settings=house.settings)

    assert house.verdict(flag).reasons == ["unit_limit_28d"]


def test_one_message_per_address_and_day_whoever_shares_it(house):
    house.customers("ann", "bob", address="home@example.org")
    house.flags("ann", "bob")
    plan_day(day=DAY, now=NOW, settings=house.settings)

    (stopped,) = house.messages(state="suppressed")
    assert stopped.reasons == ["address_today"]


def test_where_two_issues_compete_the_more_pressing_one_goes_out(house):
    house.playbook("other")
    house.customers("ann")
    house.flags("ann", days_until=9.0)
    (pressing,) = house.flags("ann", issue="other", days_until=2.0)
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert house.verdict(pressing).passed
    (stopped,) = house.messages(state="suppressed")
    assert (stopped.issue, stopped.reasons) == ("payment_failing", ["quiet_days", "address_today"])


def test_while_paused_nothing_is_planned_and_the_cohort_waits(house):
    house.crowd(3)
    with house.open.begin() as session:
        pause(session, actor="mia", note="wrong words", now=NOW)
    assert plan_day(day=DAY, now=NOW, settings=house.settings)["cohorts"] == 0
    with house.open.begin() as session:
        resume(session, actor="mia", note="mended", now=NOW)
    assert plan_day(day=DAY, now=NOW, settings=house.settings)["cohorts"] == 1


def test_every_rule_says_why_it_refuses():
    assert all(rule.__doc__.startswith("Refuse") for rule in RULES.values())


def _told(house, customer, days, issue="earlier", **details):
    """Write a message that was sent to a customer so many days ago."""
    (flag,) = house.flags(customer, issue=issue, day=DAY - timedelta(days=days), state="over")
    house.add(Message(key=f"{issue}{days}{customer}", flag_id=flag, kind="notice", issue=issue, playbook_version="v", channel="mailbox",
                      customer_id=customer, unit_id=details.get("unit_id", customer), day=DAY - timedelta(days=days), state="accepted",
                      planned_at=NOW, due_at=NOW - timedelta(days=days)))  # fmt: skip


def _merged(house):
    """Ann was told twice while she was in another household."""
    house.configure("[outreach]\nmessages_per_customer_28d = 2\nmessages_per_unit_28d = 9\ncontact_unit = 'account'")
    for days in (17, 20):
        _told(house, "ann", days, issue=f"earlier{days}", unit_id="the old household")
    house.change(Customer, {"customer_id": "ann"}, unit_id="the new household")


# One line a rule: what makes it refuse a customer with nothing else against them.
def _flag_of(house, customer):
    with house.open() as session:
        return session.query(Flag.id).filter_by(customer_id=customer).scalar()


EVERY_RULE = {
    "replay": lambda h: h.change(Flag, {"customer_id": "ann"}, replay=True),
    "stale_score": lambda h: h.change(Flag, {"customer_id": "ann"}, day=DAY - timedelta(days=9)),
    "paused": lambda h: h.add(Brake(issue=None, kind="person", reason="wrong words", at=NOW)),
    "brake": lambda h: h.add(Brake(issue="payment_failing", kind="harm", reason="it harms", at=NOW)),
    "no_playbook": lambda h: (h.settings.folder / "playbooks" / "payment_failing.toml").unlink(),
    "no_address": lambda h: h.change(Customer, {"customer_id": "ann"}, address=None),
    "no_consent": lambda h: h.change(Customer, {"customer_id": "ann"}, consent=False),
    "suppressed": lambda h: h.add(suppression("ann", reason="hard_bounce")),
    "not_wanted_this_way": lambda h: h.add(Preference(customer_id="ann", topic="account notices", channel="email", wanted=False, changed_at=NOW)),
    "erased": lambda h: h.add(suppression(suppression_hash(h.settings, "ann"), reason="erased")),
    "trouble_over": lambda h: h.change(Flag, {"customer_id": "ann"}, state="over"),
    "customer_limit_28d": _merged,
    "unit_limit_28d": lambda h: (h.configure("[outreach]\nmessages_per_unit_28d = 1\nmessages_per_customer_28d = 9"), _told(h, "ann", 20)),
    "quiet_days": lambda h: _told(h, "ann", 3),
    "not_chosen": lambda h: h.add(Target(flag_id=_flag_of(h, "ann"), issue="payment_failing", day=DAY, ranks_by="risk", expected_net=1.0,
                                         chosen=False, explored=False, chance=0.5)),
    "address_today": lambda h: (h.customers("bob", address="ann@example.org"), _told(h, "bob", 0)),
}


def judged(house):
    """Judge Ann's flag as it now stands, by every rule."""
    playbooks = load_playbooks(house.settings)
    with house.open() as session:
        row = session.execute(CANDIDATES, {"issues": ["payment_failing"] * 2, "days": [DAY, DAY - timedelta(days=9)]}).one()
        candidate = Candidate(*row)
        facts = gather(session, [candidate], playbooks, settings=house.settings, now=NOW, counting=WOULD_BE_SENT)
        return refusals(candidate, facts)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_refuses_for_its_own_reason_and_for_no_other(house, name):
    house.customers("ann")
    house.flags("ann")
    assert judged(house) == []
    EVERY_RULE[name](house)

    assert judged(house) == [name]


def test_the_table_lists_every_rule():
    assert EVERY_RULE.keys() == RULES.keys()


@pytest.mark.parametrize("name", sorted(STOPS_THE_FIX))
def test_what_stops_even_the_fix_is_not_about_the_message(name):
    assert name in {"replay", "stale_score", "paused", "brake", "no_playbook", "erased", "trouble_over"}


def test_higher_priority_speaks_first_whatever_is_more_pressing(house):
    house.playbook("other", more="priority = 5")
    house.customers("ann")
    house.flags("ann", days_until=1.0)
    (first,) = house.flags("ann", issue="other", days_until=9.0)
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert house.verdict(first).passed
    assert [m.issue for m in house.messages(state="suppressed")] == ["payment_failing"]


def test_a_brake_lets_the_cohort_and_what_is_planned_wait(house):
    house.playbook(holdout=1e-9)
    house.crowd(3)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    house.add(brake := Brake(issue="payment_failing", kind="harm", reason="it harms", at=NOW))
    house.customers("late")
    house.flags("late", day=DAY - timedelta(days=1))
    assert plan_day(day=DAY, now=NOW, settings=house.settings)["cohorts"] == 0
    assert send_due(now=NOW, settings=house.settings) == {"deferred": 3}
    house.change(Brake, {"id": brake.id}, lifted_at=NOW, lifted_by="mia")

    assert plan_day(day=DAY, now=NOW, settings=house.settings)["cohorts"] == 1
    assert send_due(now=NOW + timedelta(hours=1), settings=house.settings) == {"accepted": 4}


@pytest.mark.parametrize(("chosen", "reasons"), [(True, []), (False, ["not_chosen"])])
def test_a_flag_that_its_days_budget_left_out(house, chosen, reasons):
    house.customers("ann")
    (flag,) = house.flags("ann")
    house.add(Target(flag_id=flag, issue="payment_failing", day=DAY, ranks_by="risk", expected_net=1.0, chosen=chosen, explored=False, chance=0.5))

    assert refused(house, flag) == reasons
