"""Signing in: what opens the door, what does not, and what ends it."""

from datetime import timedelta

import pytest

from core import clock
from ledger import people, sign_ins
from ledger.database import sessions
from ledger.people import Person
from ledger.sign_ins import SignIn
from tests.console.house import PASSWORD, add_people, browser, csrf_of


def new_person(settings, role="admin"):
    with sessions(settings).begin() as session:
        person = people.add_person(session, email="Ada@Lumen.example", name="Ada", role=role, now=clock.now())
        return people.make_link(session, person, now=clock.now())


def test_a_one_time_link_lets_its_holder_choose_a_password_once(settings):
    secret = new_person(settings)
    with browser(settings) as client:
        chosen = client.post(f"/welcome/{secret}", data={"password": PASSWORD, "again": PASSWORD})
        assert chosen.status_code == 303
        assert client.get("/").status_code == 200
        again = client.get(f"/welcome/{secret}")
    assert again.status_code == 410
    assert "was used" in again.text


def test_a_password_that_does_not_do_leaves_the_link_usable(settings):
    secret = new_person(settings)
    with browser(settings) as client:
        assert "At least 12" in client.post(f"/welcome/{secret}", data={"password": "short", "again": "short"}).text
        assert "not the same" in client.post(f"/welcome/{secret}", data={"password": PASSWORD, "again": PASSWORD + "!"}).text
        assert client.get(f"/welcome/{secret}").status_code == 200


def test_a_newer_link_ends_an_older_one_and_a_day_ends_both(settings):
    older = new_person(settings)
    with sessions(settings).begin() as session:
        newer = people.make_link(session, people.known_person(session, "ada@lumen.example"), now=clock.now())
        tomorrow = clock.now() + timedelta(hours=25)
        assert people.whose_link(session, older, now=clock.now()) is None
        assert people.whose_link(session, newer, now=clock.now()) is not None
        assert people.use_link(session, newer, now=tomorrow) is None


@pytest.mark.parametrize(("email", "password"), [("viewer@lumen.example", "wrong words in a row"), ("who@lumen.example", PASSWORD)])
def test_a_wrong_password_and_an_unknown_address_are_told_the_same(settings, email, password):
    add_people(settings)
    with browser(settings) as client:
        answer = client.post("/sign-in", data={"email": email, "password": password})
    assert answer.status_code == 401
    assert "Address and password do not fit." in answer.text


def test_each_sign_in_has_a_new_secret_and_ends_the_one_before(settings):
    add_people(settings)
    with browser(settings, "viewer") as client:
        first = client.cookies["beforehand"]
        client.post("/sign-in", data={"email": "viewer@lumen.example", "password": PASSWORD})
        assert client.cookies["beforehand"] != first
        client.cookies.clear()
        client.cookies.set("beforehand", first)
        assert client.get("/").status_code == 303


def test_the_cookie_is_for_this_site_and_for_no_script(settings):
    add_people(settings)
    with browser(settings) as client:
        answer = client.post("/sign-in", data={"email": "viewer@lumen.example", "password": PASSWORD})
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("beforehand="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_signing_out_ends_it_in_the_ledger_too(settings):
    add_people(settings)
    with browser(settings, "viewer") as client:
        kept = client.cookies["beforehand"]
        client.post("/sign-out", data={"csrf": csrf_of(client)})
        client.cookies.clear()
        client.cookies.set("beforehand", kept)
        assert client.get("/").status_code == 303


def test_a_sign_in_that_lies_idle_ends(settings):
    add_people(settings)
    with browser(settings, "viewer") as client:
        with sessions(settings).begin() as session:
            session.query(SignIn).update({"seen_at": clock.now() - sign_ins.IDLE - timedelta(minutes=1)})
        assert client.get("/").status_code == 303


def test_a_disabled_person_is_out_at_once(settings):
    add_people(settings)
    with browser(settings, "viewer") as client:
        with sessions(settings).begin() as session:
            people.by_email(session, "viewer@lumen.example").disabled_at = clock.now()
        assert client.get("/").status_code == 303


def test_the_eleventh_try_within_a_minute_has_to_wait(settings):
    with browser(settings) as client:
        wrong = [client.post("/sign-in", data={"email": "a@b.example", "password": "x"}) for _ in range(11)]
    assert [answer.status_code for answer in wrong[-2:]] == [401, 429]
    assert int(wrong[-1].headers["retry-after"]) > 0


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example/", "/\\evil.example", "http:evil"])
def test_after_signing_in_one_is_never_sent_elsewhere(settings, to):
    add_people(settings)
    with browser(settings) as client:
        answer = client.post("/sign-in", data={"email": "viewer@lumen.example", "password": PASSWORD, "to": to})
    assert answer.headers["location"] == "/"


def test_a_form_from_another_site_does_not_sign_anybody_in(settings):
    add_people(settings)
    with browser(settings) as client:
        answer = client.post("/sign-in", data={"email": "viewer@lumen.example", "password": PASSWORD},
                             headers={"Origin": "https://evil.example"})  # fmt: skip
    assert answer.status_code == 403


def test_passwords_are_kept_as_argon2_alone(settings):
    add_people(settings)
    with sessions(settings)() as session:
        assert all(person.password_hash.startswith("$argon2id$") for person in session.query(Person))
