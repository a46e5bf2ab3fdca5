"""What is settled from the first page: by whom it may be, once, and with an act in the audit trail."""

import pytest
from sqlalchemy import select

from ledger.acts import Act
from ledger.brakes import open_brakes, pull_brake
from ledger.calls import list_calls, open_calls
from ledger.messages import Message
from outreach.plan import plan_day
from tests.console.house import browser, csrf_of
from tests.outreach.house import DAY, NOW


@pytest.fixture
def due(house):
    """Ann is to be called, Bob's message is in doubt, and a brake is on."""
    house.customers("ann", "bob")
    house.flags("ann", "bob")
    house.playbook(holdout=0.0, more="never_hold_out = true")
    plan_day(day=DAY, now=NOW, settings=house.settings)
    with house.open.begin() as session:
        list_calls(session, [{"message_key": house.message("ann").key, "says": "Hello", "listed_at": NOW}])
        house.brake = pull_brake(session, issue="payment_failing", kind="size", reason="too many", now=NOW)
    house.change(Message, {"customer_id": "ann"}, state="accepted")
    house.change(Message, {"customer_id": "bob"}, state="uncertain", claimed_at=NOW, settled_at=NOW)
    return house


def post(client, path, **form):
    return client.post(path, data={"csrf": csrf_of(client)} | form)


def acts(house):
    with house.open() as session:
        wanted = select(Act).where(Act.act.not_in(["mode"])).order_by(Act.id)
        return [(a.actor, a.act, a.detail) for a in session.scalars(wanted)]


def test_a_call_is_settled_once_and_moves_its_message(due):
    path = f"/today/calls/{due.message('ann').key}"
    with browser(due.settings, "reviewer") as client:
        assert post(client, path, verdict="reached").status_code == 303
        assert post(client, path, verdict="reached").status_code == 409
    with due.open() as session:
        assert open_calls(session) == []
    assert due.message("ann").state == "delivered"
    assert acts(due) == [("reviewer@lumen.example", "settle_call", {"verdict": "reached", "asked": False})]


@pytest.mark.parametrize(("verdict", "state"), [("accepted", "accepted"), ("refused", "refused")])
def test_a_doubt_is_settled_once_by_an_approver(due, verdict, state):
    path = f"/today/messages/{due.message('bob').id}"
    with browser(due.settings, "approver") as client:
        assert post(client, path, verdict=verdict).headers["location"] == "/#doubts"
        again = post(client, path, verdict="accepted")
    assert again.status_code == 409
    assert "in no doubt any more" in again.text
    assert due.message("bob").state == state
    assert acts(due) == [("approver@lumen.example", "settle", {"verdict": verdict, "moved": True})]


def test_a_brake_is_let_go_with_a_note(due):
    with browser(due.settings, "approver") as client:
        assert post(client, f"/today/brakes/{due.brake}", note="the size is right: a card network was down").status_code == 303
        assert post(client, f"/today/brakes/{due.brake}").status_code == 409
        page = client.get("/").text
    with due.open() as session:
        assert open_brakes(session) == []
    assert "let go by approver@lumen.example" in page or "No brake is on" in page
    assert acts(due)[0] == ("approver@lumen.example", "lift", {"note": "the size is right: a card network was down"})


def test_only_whom_the_settings_name_lets_a_brake_go(due):
    settings = due.configure('[outreach]\napprovers = ["Admin"]')
    with browser(settings, "approver") as client:
        refused = post(client, f"/today/brakes/{due.brake}")
    with browser(settings, "admin") as client:
        allowed = post(client, f"/today/brakes/{due.brake}")
    assert (refused.status_code, allowed.status_code) == (409, 303)
    assert "approver" in refused.text


@pytest.mark.parametrize(
    ("role", "path"), [("viewer", "/today/calls/x"), ("reviewer", "/today/messages/1"), ("reviewer", "/today/brakes/1")]
)
def test_each_takes_its_role(due, role, path):
    with browser(due.settings, role) as client:
        assert post(client, path, verdict="accepted").status_code == 403


def test_an_unknown_word_is_answered_with_those_that_are_known(due):
    with browser(due.settings, "approver") as client:
        answer = post(client, f"/today/messages/{due.message('bob').id}", verdict="lost")
    assert answer.status_code == 422
    assert "Known: accepted, refused" in answer.text
