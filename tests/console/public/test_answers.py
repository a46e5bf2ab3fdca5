"""One-click answers: asked by GET, said by POST, believed, and what is promised for them is done once."""

import pytest

from console.figures import figures
from ledger.calls import open_calls
from ledger.contacts import Contact
from ledger.flags import Flag
from ledger.gestures import Gesture
from ledger.needs import Need
from ledger.suppressions import Suppression
from outreach import calls
from outreach.act import act_due
from outreach.frame import FRAMES
from tests.console.public.letter import link, rows
from tests.outreach.house import NOW
from tests.outreach.test_gestures import AMENDS


@pytest.mark.parametrize("answer", ["do_it", "call_me", "wrong", "solved", "not_mine"])
def test_an_answer_is_asked_by_get_and_becomes_one_contact_by_post(house, client, answer):
    address = f"{link(house, 'answer')}/{answer}"
    assert FRAMES["en"].__getattribute__(answer) in client.get(address).text
    assert rows(house, Contact) == []

    assert client.post(address).status_code == client.post(address).status_code == 200
    (contact,) = rows(house, Contact)
    assert (contact.kind, contact.customer_id, contact.message_id) == (answer, "ann", house.message("ann").id)


@pytest.mark.parametrize(("answer", "state"), [("solved", "over"), ("not_mine", "rejected"), ("call_me", "open")])
def test_what_a_customer_says_of_their_own_trouble_is_believed(house, client, answer, state):
    client.post(f"{link(house, 'answer')}/{answer}")
    (flag,) = rows(house, Flag)
    assert flag.state == state


def test_call_me_puts_the_customer_on_the_list_of_calls_once(house, client):
    for _ in range(2):
        client.post(f"{link(house, 'answer')}/call_me")
    with house.open() as session:
        (call,) = open_calls(session)
    assert (call.customer_id, call.phone, call.asked) == ("ann", "+49 40 555 0199", True)
    assert "asked to be called about our notice of 2026-03-31" in call.says
    assert "Something went wrong with your last payment." in call.says
    assert [(n.customer_id, n.kind, n.source) for n in rows(house, Need)] == [("ann", "asked", "answer")]


@pytest.mark.parametrize(("verdict", "stopped"), [("reached", 0), ("not_reached", 0), ("wrong_number", 0), ("wants_no_calls", 2)])
def test_how_an_asked_call_went_says_nothing_of_the_letter(house, client, verdict, stopped):
    client.post(f"{link(house, 'answer')}/call_me")
    with house.open.begin() as session:
        assert calls.settle(session, house.message("ann").key, verdict=verdict, by="Mia", now=NOW)
        assert not calls.settle(session, house.message("ann").key, verdict=verdict, by="Mia", now=NOW)

    assert house.message("ann").state == "accepted"
    assert len(rows(house, Suppression)) == stopped


def test_this_was_wrong_is_believed_and_made_good_once(house, client):
    house.playbook(more="never_hold_out = true\n" + AMENDS, holdout=0.0)
    said = [client.post(f"{link(house, 'answer')}/wrong").text for _ in range(2)]
    assert all("We make it good" in each for each in said)
    (gesture,) = rows(house, Gesture)
    assert (gesture.customer_id, gesture.kind, gesture.state, gesture.cents, gesture.flag_id) == ("ann", "mistake", "granted", 500, 1)
    assert act_due(settings=house.settings) == {"done": 1}


def test_beyond_the_budget_a_person_decides_and_nothing_is_promised(house, client):
    house.playbook(more="never_hold_out = true\n" + AMENDS.replace("20000", "400"), holdout=0.0)
    said = client.post(f"{link(house, 'answer')}/wrong").text
    assert "We make it good" not in said
    assert "A person looks into it" in said
    assert [(g.state, g.why_waiting) for g in rows(house, Gesture)] == [("waiting", "over_budget")]
    assert figures(house.settings)["waiting"]["gestures"][0]["why"] == "over_budget"


def test_without_anything_to_give_this_was_wrong_reaches_a_person(house, client):
    assert "A person looks into it" in client.post(f"{link(house, 'answer')}/wrong").text
    assert rows(house, Gesture) == []
    assert [c.kind for c in rows(house, Contact)] == ["wrong"]


def test_the_number_we_would_call_is_shown_by_its_end_alone(house, client):
    said = client.post(f"{link(house, 'answer')}/call_me").text
    assert "…99" in said
    assert "555" not in said


def test_an_answer_nobody_offers_is_no_page(house, client):
    assert client.get(f"{link(house, 'answer')}/pay_me").status_code in (404, 422)
