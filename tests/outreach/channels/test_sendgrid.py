"""SendGrid's channel against a real server: what is certain is recorded as certain, everything else as a doubt."""

import json
import logging
import socket

import pytest

from core.errors import DeliveryError
from ledger.customers import Customer
from outreach.plan import plan_day
from outreach.send import send_due
from tests.outreach.house import DAY, NOW, minutes


@pytest.fixture
def planned(house, provider):
    """Six messages planned for the local provider, nobody held out."""
    provider.settings(house)
    house.playbook(holdout=1e-9)
    house.crowd(6)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    return house


def send(house, now=NOW):
    return send_due(now=now, settings=house.settings)


def test_a_batch_is_one_request_of_one_skeleton(planned, provider):
    assert send(planned) == {"accepted": 6}
    ((headers, body),) = provider.requests

    assert headers["Authorization"] == "Bearer SG.test"
    assert len(body["personalizations"]) == 6
    assert {m.receipt for m in planned.messages()} == {"provider-1"}
    assert {p["custom_args"]["message"] for p in body["personalizations"]} == {m.key for m in planned.messages()}
    assert body["categories"] == ["payment_failing", f"payment_failing-{planned.messages()[0].playbook_version}"]
    tracking = body["tracking_settings"]
    assert not any(tracking[kind]["enable"] for kind in ("click_tracking", "open_tracking", "subscription_tracking"))
    assert body["mail_settings"] == {"sandbox_mode": {"enable": False}}


def test_what_the_customer_gets_is_the_message_with_their_values(planned, provider):
    planned.change(Customer, {"customer_id": "c00002"}, name="O'Neill & Co")
    send(planned)
    to, subject, text, html = provider.delivered[planned.message("c00001").key]

    assert (to, subject) == ("c00001@example.org", "Everything stays switched on")
    assert "Hello Ann," in text
    assert "Hello Ann," in html
    assert "[%" not in text + html
    assert provider.received == {m.key: 1 for m in planned.messages()}


def test_each_customer_has_their_own_way_to_stop(planned, provider):
    send(planned)
    headers = [p["headers"] for p in provider.requests[0][1]["personalizations"]]

    assert len({h["List-Unsubscribe"] for h in headers}) == 6
    assert {h["List-Unsubscribe-Post"] for h in headers} == {"List-Unsubscribe=One-Click"}
    assert {h["Message-ID"] for h in headers} == {f"<{m.key}@lumen.example>" for m in planned.messages()}


def test_languages_are_requests_of_their_own(house, provider):
    provider.settings(house)
    house.playbook(holdout=1e-9)
    house.customers("ann", "ben")
    house.customers("cem", "dag", language="de")
    house.customers("eva", name=None)
    house.flags("ann", "ben", "cem", "dag", "eva")
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send(house)

    assert sorted(len(body["personalizations"]) for _, body in provider.requests) == [1, 2, 2]
    assert "Guten Tag Ann," in provider.delivered[house.message("cem").key][2]


@pytest.mark.parametrize(
    ("behaviour", "state", "says", "received"),
    [
        ("take, then drop", "uncertain", "no answer: RemoteDisconnected", 1),
        ("take, then hang", "uncertain", "no answer: TimeoutError", 1),
        ("hang", "uncertain", "no answer: TimeoutError", 0),
        ("drop", "uncertain", "no answer: RemoteDisconnected", 0),
        ("500", "uncertain", "HTTP 500: told to", 0),
        ("503", "uncertain", "HTTP 503: told to", 0),
        ("200", "uncertain", "HTTP 200 without X-Message-Id", 0),
        ("400", "refused", "HTTP 400: told to", 0),
        ("413", "refused", "HTTP 413: told to", 0),
    ],
)
def test_what_the_provider_does_decides_what_we_know(planned, provider, behaviour, state, says, received):
    provider.hang_seconds = 2.5
    provider.behaviours = [behaviour]

    assert send(planned) == {state: 6}
    assert all(m.reasons[0].startswith(says) for m in planned.messages()), planned.messages()[0].reasons
    assert [send(planned, now=NOW + minutes(n)) for n in (1, 20, 600)] == [{}, {}, {}], "neither is ever sent again"
    assert sum(provider.received.values()) == 6 * received
    assert len(provider.requests) == 1


def test_a_rate_limit_gives_messages_back_until_it_is_over(planned, provider):
    reset = NOW + minutes(40)
    provider.behaviours = ["429 " + json.dumps({"X-RateLimit-Reset": str(int(reset.timestamp()))})]

    assert send(planned) == {"deferred": 6}
    assert {m.due_at for m in planned.messages()} == {reset}
    assert send(planned, now=NOW + minutes(39)) == {}
    assert send(planned, now=reset) == {"accepted": 6}
    assert set(provider.received.values()) == {1}


@pytest.mark.parametrize("reset", ["", "soon", "1", "99999999999999999999"])
def test_a_rate_limit_without_a_sensible_end_is_tried_again_within_a_day(planned, provider, reset):
    provider.behaviours = ["429 " + json.dumps({"X-RateLimit-Reset": reset})]
    send(planned)

    assert all(NOW < m.due_at <= NOW + minutes(24 * 60) for m in planned.messages())


@pytest.mark.parametrize("status", ["401", "403"])
def test_a_wrong_key_burns_no_message_and_says_what_to_mend(planned, provider, status):
    provider.behaviours = [status]

    with pytest.raises(DeliveryError, match=rf"sendgrid: HTTP {status}.*Is SENDGRID_API_KEY right.*6 messages were given back"):
        send(planned)
    assert planned.states() == {"planned": 6}
    assert send(planned, now=NOW + minutes(16)) == {"accepted": 6}


def test_a_provider_that_cannot_be_reached_leaves_no_doubt(planned):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
    path = planned.settings.folder / "settings.toml"
    path.write_text(path.read_text().replace(planned.settings.outreach.sendgrid.host, f"http://127.0.0.1:{closed}"))
    planned.configure("")

    assert send(planned) == {"deferred": 6}
    assert planned.states() == {"planned": 6}


def test_one_recipient_refused_does_not_take_the_others_with_it(house, provider, monkeypatch):
    provider.settings(house)
    house.playbook(holdout=1e-9)
    house.crowd(6)
    monkeypatch.setattr(provider, "complaint", lambda body: next(
        ({"message": "Does not contain a valid address.", "field": f"personalizations.{n}.to.0.email"}
         for n, person in enumerate(body["personalizations"]) if person["to"][0]["email"].startswith("c00003")), None))  # fmt: skip
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert send(house) == {"accepted": 5, "refused": 1}
    assert house.message("c00003").reasons == ["HTTP 400: Does not contain a valid address."]
    assert set(provider.received.values()) == {1}


def test_batches_are_as_large_as_settings_say(house, provider):
    provider.settings(house, batch=4)
    house.playbook(holdout=1e-9)
    house.crowd(10)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send(house)

    assert [len(body["personalizations"]) for _, body in provider.requests] == [4, 4, 2]


def test_a_rehearsal_never_puts_one_address_twice_into_a_request(house, provider):
    provider.settings(house, redirect_all_to="rehearsal@lumen.example")
    house.playbook(holdout=1e-9)
    house.crowd(3)
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert send(house) == {"accepted": 3}
    assert [len(body["personalizations"]) for _, body in provider.requests] == [1, 1, 1]


def test_in_the_sandbox_the_provider_is_told_so(house, provider):
    provider.settings(house)
    house.configure("sandbox = true")
    house.playbook(holdout=1e-9)
    house.crowd(1)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send(house)

    assert provider.requests[0][1]["mail_settings"] == {"sandbox_mode": {"enable": True}}


def test_neither_key_nor_address_is_logged(planned, caplog):
    caplog.set_level(logging.DEBUG)
    send(planned)

    assert "SG.test" not in caplog.text
    assert "@example.org" not in caplog.text
