"""Customers' pages: proved by a link of one purpose, asked by GET, said by POST, in the customer's language, kept by no cache."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from console.app import create_app
from console.figures import figures
from console.page_words import page_words
from core import clock
from ledger.calls import open_calls
from ledger.contacts import Contact
from ledger.flags import Flag
from ledger.gestures import Gesture
from ledger.messages import Message
from ledger.needs import Need
from ledger.outcomes import Outcome
from ledger.preferences import Preference
from ledger.suppressions import Suppression
from ledger.survey_answers import SurveyAnswer
from ledger.surveys import Survey
from outreach import calls
from outreach.act import act_due
from outreach.frame import FRAMES
from outreach.keyed_hash import check_code
from outreach.links import LASTS, PAGES, Links
from outreach.plan import plan_day
from outreach.send import send_due
from tests.console.house import browser
from tests.outreach.house import DAY, NOW, House
from tests.outreach.test_gestures import AMENDS


@pytest.fixture
def house(settings):
    """One customer, Ann, who was written to today."""
    made = House(settings)
    made.playbook(more="never_hold_out = true", holdout=0.0)
    made.customers("ann", phone="+49 40 555 0199")
    made.flags("ann")
    plan_day(day=DAY, now=NOW, settings=settings)
    send_due(now=NOW, settings=settings)
    return made


@pytest.fixture
def client(house):
    with browser(house.settings) as opened:
        yield opened


def link(house, purpose, now=None):
    return Links(house.settings).url(purpose, house.message("ann").key, now or clock.now()).removeprefix("https://lumen.example")


def rows(house, table):
    with house.open() as session:
        return list(session.scalars(select(table)))


def test_links_in_the_letter_open_the_pages(house, client):
    (mail,) = house.mailbox()
    text = mail.read_text()
    found = {match for match in re.findall(r"https://lumen\.example(/service-messages/\S+)", text)}
    purposes = {each.split("/")[2] for each in found}
    assert {"stop", "why", "answer"} <= purposes
    shifted = [each for each in found if "<" not in each and ">" not in each and '"' not in each]
    for address in shifted:
        assert client.get(address).status_code in (200, 410), address


def test_looking_at_the_page_stops_nothing_and_the_button_stops_the_topic(house, client):
    address = link(house, "stop")
    assert "account notices" in client.get(address).text
    assert rows(house, Suppression) == []

    assert client.post(address).status_code == 200
    assert {(s.subject, s.topic, s.reason) for s in rows(house, Suppression)} == {
        ("ann", "account notices", "opt_out"), ("ann@example.org", "account notices", "opt_out")}  # fmt: skip


def test_one_click_of_a_mailbox_provider_stops_without_cookie_or_redirect_and_once(house, client):
    address = link(house, "stop")
    body = {"List-Unsubscribe": "One-Click"}
    first, second = client.post(address, data=body), client.post(address, data=body)
    assert [first.status_code, second.status_code] == [200, 200]
    assert "set-cookie" not in first.headers
    assert len(rows(house, Suppression)) == 2
    assert [o.kind for o in rows(house, Outcome) if o.kind == "unsubscribed"] == ["unsubscribed"]


def test_all_service_messages_can_be_stopped_at_once(house, client):
    client.post(link(house, "stop"), data={"everything": "yes"})
    assert {s.topic for s in rows(house, Suppression)} == {"all"}


@pytest.mark.parametrize("purpose", sorted(LASTS))
def test_a_link_is_good_for_its_purpose_its_message_and_its_time_alone(house, client, purpose):
    good = link(house, purpose)
    other = link(house, next(each for each in LASTS if each != purpose)).replace(
        f"/{next(each for each in LASTS if each != purpose)}/", f"/{purpose}/")
    old = link(house, purpose, clock.now() - LASTS[purpose] - timedelta(minutes=1))
    forged = good[:-2] + ("AA" if not good.endswith("AA") else "BB")
    elsewhere = good.replace(house.message("ann").key, "0" * 32)
    assert client.get(good).status_code == 200
    assert [client.get(each).status_code for each in (other, old, forged, elsewhere)] == [410] * 4


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


def test_a_survey_keeps_the_last_word(house, client):
    address = link(house, "survey")
    client.post(address, data={"score": "2", "text": "late"})
    client.post(address, data={"score": "5", "text": "thank you"})
    (answer,) = rows(house, SurveyAnswer)
    assert (answer.score, answer.text, answer.customer_id) == (5, "thank you", "ann")
    assert client.post(address, data={"score": "9"}).status_code == 422


def test_what_is_not_ticked_is_not_sent_by_that_channel(house, client):
    address = link(house, "preferences")
    assert client.get(address).text.count("checked") == 2
    client.post(address, data={"want": ["phone account notices"]})
    assert {(p.topic, p.channel, p.wanted) for p in rows(house, Preference)} == {
        ("account notices", "email", False), ("account notices", "phone", True)}  # fmt: skip

    house.flags("ann", day=DAY + timedelta(days=30), issue="fee_shock")
    house.playbook("fee_shock", more="never_hold_out = true", holdout=0.0)
    later = NOW + timedelta(days=30)
    plan_day(day=DAY + timedelta(days=30), now=later, settings=house.settings)
    (message,) = house.messages(issue="fee_shock")
    assert (message.state, message.reasons) == ("suppressed", ["not_wanted_this_way"])


def test_wanting_a_topic_again_ends_an_opt_out_but_no_complaint(house, client):
    client.post(link(house, "stop"))
    house.add(Suppression(subject="ann", topic="all", reason="complaint", since=NOW))
    client.post(link(house, "preferences"), data={"want": ["email account notices"]})
    assert [s.reason for s in rows(house, Suppression)] == ["complaint"]


def test_a_code_shows_date_subject_and_masked_recipient(house, client):
    code = check_code(house.settings, house.message("ann").key)
    said = client.post(f"{PAGES}/check", data={"code": code.lower()}).text
    assert "April 1, 2026" in said
    assert "Everything stays switched on" in said
    assert "a…@e….org" in said
    assert "ann@example.org" not in said
    assert "is not from us" in client.post(f"{PAGES}/check", data={"code": "0000-0000"}).text


def test_a_subject_that_was_changed_since_is_not_made_up(house, client):
    code = check_code(house.settings, house.message("ann").key)
    path = house.settings.folder / "playbooks" / "payment_failing.toml"
    path.write_text(path.read_text().replace("Everything stays switched on", "Something else"))
    said = client.post(f"{PAGES}/check", data={"code": code}).text
    assert "Something else" not in said
    assert "changed since" in said


def test_codes_cannot_be_tried_in_bulk(house, client):
    answers = [client.post(f"{PAGES}/check", data={"code": "0000-0001"}).status_code for _ in range(11)]
    assert answers[-2:] == [200, 429]


def test_why_tells_what_was_said_and_leads_to_the_other_pages(house, client):
    said = client.get(link(house, "why")).text
    assert "Something went wrong with your last payment." in said
    for address in re.findall(r'href="(/service-messages/(?:stop|preferences)/[^"]+)"', said):
        assert client.get(address).status_code == 200


def test_pages_speak_the_customers_language_and_else_the_browsers(house, client):
    from ledger.customers import Customer

    house.change(Customer, {"customer_id": "ann"}, language="de-AT")
    page = client.get(link(house, "stop"), headers={"Accept-Language": "fr"}).text
    assert '<html lang="de">' in page
    assert "Diese Nachrichten beenden" in page
    assert "Code" in client.get(f"{PAGES}/check", headers={"Accept-Language": "pt, nl;q=0.9"}).text
    assert '<html lang="nl">' in client.get(f"{PAGES}/stop/x", headers={"Accept-Language": "pt, nl;q=0.9"}).text


def test_every_language_of_the_letters_has_its_pages_with_the_same_fields():
    assert set(page_words()) == set(FRAMES)
    for name in type(page_words()["en"]).model_fields:
        fields = {language: sorted(re.findall(r"\{(\w+)\}", getattr(words, name))) for language, words in page_words().items()}
        assert len(set(map(tuple, fields.values()))) == 1, (name, fields)


def test_no_page_is_kept_by_a_cache_or_runs_a_script_or_tells_others_where_one_was(house, client):
    for purpose in LASTS:
        answer = client.get(link(house, purpose))
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "<script" not in answer.text


def test_an_error_in_our_house_is_not_told_to_customers(house, client):
    (house.settings.folder / "playbooks" / "payment_failing.toml").write_text("nonsense = ")
    answer = client.get(link(house, "stop"))
    assert answer.status_code == 503
    assert "toml" not in answer.text.lower()


def test_the_pages_style_lies_below_the_one_path_a_proxy_hands_on(house):
    with browser(house.settings) as client:
        for address in re.findall(r'href="([^"]+\.(?:css|svg))"', client.get(f"{PAGES}/check").text):
            assert address.startswith(PAGES)
            assert client.get(address).status_code == 200
    assert create_app(house.settings).title == "Beforehand"


def test_a_random_sample_is_asked_its_own_question_and_learns_of_no_trouble(house, client):
    """Whoever is held out may hold this link: neither the question nor why they got it says that anything was wrong."""
    path = house.settings.folder / "playbooks" / "payment_failing.toml"
    path.write_text(path.read_text().replace("never_hold_out = true", "").replace("holdout    = 0.0", "holdout    = 0.5").replace(
        "smallest_effect = 0.02", 'smallest_effect = 0.02\n[measure.survey]\nkind = "nps"\nshare = 1.0'))  # fmt: skip
    (drawn,) = house.assignments()
    house.add(Survey(assignment_id=drawn.id, kind="nps", horizon_months=1, due_on=DAY, drawn_at=NOW))
    house.change(Message, {"id": house.message("ann").id}, kind="survey")
    asked = client.get(link(house, "survey")).text
    assert "How likely are you to recommend Lumen Broadband" in asked
    assert asked.count('type="radio"') == 11
    assert client.post(link(house, "survey"), data={"score": "11"}).status_code == 422
    client.post(link(house, "survey"), data={"score": "0"})
    assert [(s.score, s.kind) for s in rows(house, Survey)] == [(0, "nps")]
    why = client.get(link(house, "why")).text
    assert "chosen by lot" in why
    assert "payment" not in why
    assert "trouble" not in why
