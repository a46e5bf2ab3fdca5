"""A case is signed, carries its key, and is asked for again only where that cannot open two."""

import json

import pytest

from core.errors import ConfigError, MissingError
from outreach.channel import Status, channel
from outreach.event import Kind
from outreach.events import hear_events, keep
from outreach.plan import plan_day
from outreach.send import send_due
from outreach.signed_webhook import SECRET_ENV, is_signed
from tests.outreach.channels.stages import SECRET, Desk
from tests.outreach.channels.test_every_channel import letters
from tests.outreach.house import DAY, NOW, minutes

WEBHOOK = channel("webhook")


@pytest.fixture
def desk(house, monkeypatch):
    monkeypatch.setenv(SECRET_ENV, SECRET)
    running = Desk()
    house.configure(running.toml)
    yield running
    running.server.shutdown()
    running.server.server_close()


def send(house, n=1):
    return WEBHOOK.send(letters(house, n), settings=house.settings, now=NOW)


def test_a_case_is_signed_and_carries_its_key(house, desk):
    send(house)
    ((headers, body),) = desk.requests

    assert headers["Idempotency-Key"] == headers["webhook-id"] == json.loads(body)["message"]
    assert is_signed({name.lower(): value for name, value in headers.items()}, body)
    assert not is_signed({name.lower(): value for name, value in headers.items()}, body + b" ")


@pytest.mark.parametrize(
    ("behaviour", "status", "asked"),
    [("202", Status.ACCEPTED, 1), ("400", Status.REFUSED, 1), ("410", Status.REFUSED, 1), ("429 120", Status.DEFERRED, 1),
     ("500", Status.UNCERTAIN, 1), ("503", Status.UNCERTAIN, 1), ("drop", Status.UNCERTAIN, 1), ("302", Status.UNCERTAIN, 1)],
)  # fmt: skip
def test_what_the_receiver_does_decides_what_we_know(house, desk, behaviour, status, asked):
    desk.behaviours = [behaviour] * 3
    (receipt,) = send(house)

    assert receipt.status == status
    assert len(desk.requests) == asked


def test_a_receiver_that_takes_a_key_once_is_asked_again(house, desk):
    house.configure("takes_key_once = true")
    desk.behaviours = ["500", "drop"]
    (receipt,) = send(house)

    assert receipt.status == Status.ACCEPTED
    assert len({headers["Idempotency-Key"] for headers, _ in desk.requests}) == 1
    assert len(desk.requests) == 3


def test_a_rate_limit_says_until_when(house, desk):
    desk.behaviours = ["429 120"]
    (receipt,) = send(house)

    assert receipt.retry_at == NOW + minutes(2)


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_a_wrong_address_or_secret_is_our_fault(house, desk, status):
    desk.behaviours = [status]
    (receipt,) = send(house)

    assert (receipt.status, receipt.broken) == (Status.DEFERRED, True)


def test_what_it_lacks_is_said_before_anything_is_claimed(house, monkeypatch):
    monkeypatch.delenv(SECRET_ENV, raising=False)
    with pytest.raises(ConfigError, match=r"outreach\.webhook\.url: the webhook channel has no address"):
        WEBHOOK.check(house.settings)
    house.configure('[outreach.webhook]\nurl = "http://desk.example"')
    with pytest.raises(MissingError, match="BEFOREHAND_WEBHOOK_SECRET"):
        WEBHOOK.check(house.settings)
    for secret, error in (("whsec_!!", "base64"), ("whsec_c2hvcnQ=", "at least 24 bytes are needed, got 5")):
        monkeypatch.setenv(SECRET_ENV, secret)
        with pytest.raises(ConfigError, match=error):
            WEBHOOK.check(house.settings)


@pytest.mark.parametrize(("told", "state"), [("delivered", "delivered"), ("dropped", "dropped"), ("accepted", "accepted")])
def test_the_desks_event_settles_a_doubt(house, desk, told, state):
    house.configure('[outreach]\nchannel = "webhook"\n')
    house.playbook(holdout=1e-9)
    house.crowd(1)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    desk.behaviours = ["drop"]
    assert send_due(now=NOW, settings=house.settings) == {"uncertain": 1}
    event = {"id": "e1", "message": house.messages()[0].key, "event": told, "occurred_at": NOW.isoformat()}
    keep(house.settings, "webhook", json.dumps(event).encode(), "application/json", now=NOW)
    hear_events(now=NOW, settings=house.settings)

    assert house.states() == {state: 1}


@pytest.mark.parametrize("wrong", [{}, {"id": "1", "message": "x", "event": "delivered", "occurred_at": NOW.isoformat()},
                                   {"id": "1", "message": "f" * 32, "event": "gone", "occurred_at": NOW.isoformat()},
                                   {"id": "1", "message": "f" * 32, "event": "delivered", "occurred_at": "2026-01-01T10:00:00"}, 7])  # fmt: skip
def test_an_event_that_is_none_says_what_is_known(house, wrong):
    keep(house.settings, "webhook", json.dumps([wrong]).encode(), "application/json", now=NOW)

    assert hear_events(now=NOW, settings=house.settings) == {"problems": 1}
    assert ", ".join(Kind).startswith("accepted, delayed, delivered")
