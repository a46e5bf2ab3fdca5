"""A playbook goes only as far as its file says and a person approved, whichever is lower."""

import pytest
from sqlalchemy import select

from core.errors import ConfigError, LedgerError
from ledger.acts import Act
from ledger.brakes import pull_brake
from ledger.flags import Flag
from outreach.evidence import evidence, sentences
from outreach.modes import approved_modes, held_back, playbooks_in_force, set_mode
from outreach.plan import plan_day
from outreach.playbook import load_playbooks
from outreach.send import send_due
from tests.outreach.house import DAY, NOW


def raise_to(house, mode, *, by="Mia", issue="payment_failing", now=NOW):
    with house.open.begin() as session:
        found = evidence(session, issue)
        playbook = load_playbooks(house.settings)[issue]
        return set_mode(session, playbook, mode, by=by, evidence=found, now=now, settings=house.settings)


def runs_as(house):
    return playbooks_in_force(house.settings)["payment_failing"].mode


@pytest.mark.parametrize(
    ("file", "approved", "runs"),
    [("live", None, "shadow"), ("live", "pilot", "pilot"), ("live", "live", "live"), ("pilot", "live", "pilot"), ("shadow", "live", "shadow")],
)
def test_the_lower_of_what_is_wanted_and_what_is_approved_holds(house, file, approved, runs):
    house.change(Act, {}, subject="playbook another")
    house.playbook(mode=file, approved=approved)

    assert runs_as(house) == runs


def test_a_file_above_what_was_approved_says_so_and_how_to_raise_it(house):
    house.change(Act, {}, subject="playbook another")
    with house.open() as session:
        (said,) = held_back(load_playbooks(house.settings), approved_modes(session))

    assert said == ("payment_failing: its file says live, approved is shadow, so it runs as shadow. "
                    "`beforehand mode payment_failing live --as NAME` shows the evidence and raises it.")  # fmt: skip


def test_nothing_leaves_before_somebody_approved_and_all_of_it_after(house):
    house.change(Act, {}, subject="playbook another")
    house.crowd(20)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    assert house.states() == {"shadow": 20}
    assert raise_to(house, "live")
    house.customers(*(f"x{n}" for n in range(20)))
    house.flags(*(f"x{n}" for n in range(20)), issue="payment_failing", day=DAY.replace(day=30))
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert set(house.states()) == {"shadow", "planned", "held_out"}


def test_an_act_says_who_saw_what_and_the_same_again_is_no_act(house):
    house.change(Act, {}, subject="playbook another")
    house.crowd(4, state="struck")
    plan_day(day=DAY, now=NOW, settings=house.settings)
    assert raise_to(house, "pilot")
    assert not raise_to(house, "pilot")
    with house.open() as session:
        (act,) = session.scalars(select(Act).where(Act.act == "mode", Act.subject == "playbook payment_failing"))

    assert (act.actor, act.detail["before"], act.detail["mode"]) == ("Mia", "shadow", "pilot")
    assert act.detail["evidence"]["struck"] == 4


def test_the_evidence_sets_what_was_foretold_beside_what_happened_to_those_nobody_wrote_to(house):
    house.change(Act, {}, subject="playbook another")
    crowd = house.crowd(8)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    for customer in crowd[:6]:
        house.change(Flag, {"customer_id": customer}, state="struck")
    house.change(Flag, {"customer_id": crowd[6]}, state="expired")
    with house.open() as session:
        found = evidence(session, "payment_failing")

    assert (found["flags"], found["ended_untold"], found["messages"]) == (8, 7, {"shadow": 8})
    assert (found["expected_right"], found["was_right"]) == (pytest.approx(0.5), pytest.approx(6 / 7))
    assert "Of 7 nobody wrote to and whose time has passed, 86% were struck; 50% was foretold." in sentences("payment_failing", found)


def test_lowering_needs_no_approver_and_stops_what_is_planned(house):
    house.playbook(holdout=1e-9)
    house.crowd(5)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    assert raise_to(house, "shadow")
    send_due(now=NOW, settings=house.settings)

    assert {tuple(m.reasons) for m in house.messages()} == {("back_in_shadow",)}
    assert not house.mailbox()


def test_only_an_approver_raises_a_mode_and_a_person_has_a_name(house):
    house.configure('[outreach]\napprovers = ["Ines"]')
    house.change(Act, {}, subject="playbook another")
    with pytest.raises(LedgerError, match="approver 'Otto' does not exist.*Known: Ines"):
        raise_to(house, "pilot", by="Otto")
    with pytest.raises(LedgerError, match="got no name. Say --as NAME"):
        raise_to(house, "pilot", by=" ")
    assert raise_to(house, "pilot", by="Ines")


def test_a_playbook_without_an_approved_remedy_cannot_leave_the_shadow(house):
    house.change(Act, {}, subject="playbook another")
    path = house.settings.folder / "playbooks" / "payment_failing.toml"
    head, _, rest = path.read_text().replace('"live"', '"shadow"').partition("[remedy]")
    path.write_text(head + rest[rest.index("[pilot]"):])

    with pytest.raises(ConfigError, match=r"payment_failing\.toml: remedy: a playbook without an approved \[remedy\] stays in shadow, got 'pilot'"):
        raise_to(house, "pilot")


def test_no_mode_is_raised_while_a_brake_is_on(house):
    house.change(Act, {}, subject="playbook another")
    with house.open.begin() as session:
        pull_brake(session, issue="payment_failing", kind="harm", reason="it harms", now=NOW)

    with pytest.raises(LedgerError, match="mode of payment_failing: a brake is on: it harms"):
        raise_to(house, "pilot")


def test_a_pilot_may_be_a_list_of_customers_or_addresses(house):
    house.playbook(mode="pilot", holdout=1e-9)
    path = house.settings.folder / "playbooks" / "payment_failing.toml"
    path.write_text(path.read_text().replace("share     = 0.5", 'only = ["c00001", "c00002@example.org"]'))
    house.crowd(5)
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert [m.customer_id for m in house.messages(state="planned")] == ["c00001", "c00002"]
