"""Customers' pages: proved by a link of one purpose, in the customer's language, kept by no cache, without a script."""

import re
from datetime import timedelta

import pytest

from console.app import create_app
from console.page_words import page_words
from core import clock
from outreach.frame import FRAMES
from outreach.keyed_hash import check_code
from outreach.links import LASTS, PAGES
from tests.console.house import browser
from tests.console.public.letter import link


def test_links_in_the_letter_open_the_pages(house, client):
    (mail,) = house.mailbox()
    text = mail.read_text()
    found = {match for match in re.findall(r"https://lumen\.example(/service-messages/\S+)", text)}
    purposes = {each.split("/")[2] for each in found}
    assert {"stop", "why", "answer"} <= purposes
    shifted = [each for each in found if "<" not in each and ">" not in each and '"' not in each]
    for address in shifted:
        assert client.get(address).status_code in (200, 410), address


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
