"""What is posted to us is kept when it is theirs, answered at once, and never lost while we are down."""

import base64
import json
import threading
import time

import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from sqlalchemy import select

from console.public import webhooks
from core import clock
from ledger.database import sessions
from ledger.event_bodies import EventBody
from outreach.sendgrid_events import PUBLIC_KEY_ENV, SIGNATURE, TIMESTAMP
from outreach.signed_webhook import SECRET_ENV, signed_headers

KEY = generate_private_key(SECP256R1())
BODY = json.dumps([{"event": "delivered", "message": "f" * 32, "sg_event_id": "1", "timestamp": 1}]).encode()
PATH = "/webhooks/sendgrid/events"


def public(key):
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def signed(body=BODY, stamp="1774951200"):
    return {SIGNATURE: base64.b64encode(KEY.sign(stamp.encode() + body, ECDSA(SHA256()))).decode(), TIMESTAMP: stamp}


@pytest.fixture
def client(settings, monkeypatch):
    """A client of a real server on this test's ledger."""
    monkeypatch.setenv(PUBLIC_KEY_ENV, public(KEY))
    app = FastAPI()
    app.state.settings = settings
    app.include_router(webhooks.ROUTER)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as opened:
        yield opened
    server.should_exit = True
    thread.join(10)


def kept(settings):
    with sessions(settings)() as session:
        return list(session.scalars(select(EventBody).order_by(EventBody.id)))


def eventually(true, seconds=10):
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return true()


def test_a_signed_body_is_kept_byte_for_byte_and_then_read(settings, client):
    body = b" " + BODY + b"\n"
    answer = client.post(PATH, content=body, headers=signed(body))

    assert (answer.status_code, answer.content) == (204, b"")
    assert [each.body for each in kept(settings)] == [body]
    assert eventually(lambda: kept(settings)[0].read_at is not None)


def test_what_is_posted_twice_is_answered_with_yes_and_kept_once(settings, client):
    answers = [client.post(PATH, content=BODY, headers=signed(stamp=stamp)).status_code for stamp in ("1", "2", "2")]

    assert answers == [204, 204, 204]
    assert len(kept(settings)) == 1


@pytest.mark.parametrize(
    "headers",
    [{}, {SIGNATURE: "x"}, {SIGNATURE: "!!", TIMESTAMP: "1"}, {SIGNATURE: base64.b64encode(b"no").decode(), TIMESTAMP: "1"},
     signed() | {TIMESTAMP: "1774951201"}, signed(BODY + b" "), signed(b"")],
)  # fmt: skip
def test_what_is_not_theirs_is_refused_before_it_is_stored(settings, client, headers):
    assert client.post(PATH, content=BODY, headers=headers).status_code == 403
    assert kept(settings) == []


@pytest.mark.parametrize("stated", ["", "not base64!", base64.b64encode(b"no key").decode(), public(generate_rsa(65537, 2048))])
def test_without_a_proper_key_the_provider_is_asked_to_try_again(settings, client, monkeypatch, stated):
    monkeypatch.setenv(PUBLIC_KEY_ENV, stated)
    assert client.post(PATH, content=BODY, headers=signed()).status_code == 503
    assert kept(settings) == []


def test_without_a_ledger_the_provider_is_asked_to_try_again(client, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    assert client.post(PATH, content=BODY, headers=signed()).status_code == 503


def test_a_thousand_events_are_answered_within_a_second(client):
    events = [{"event": "delivered", "message": f"{n:032x}", "sg_event_id": str(n), "timestamp": n, "email": "a@example.org"} for n in range(1000)]
    body = json.dumps(events).encode()
    client.post(PATH, content=BODY, headers=signed())  # the first request opens the ledger
    began = time.monotonic()
    client.post(PATH, content=body, headers=signed(body))

    assert time.monotonic() - began < 1


def test_a_body_that_is_too_large_is_not_read_to_its_end(settings, client, monkeypatch):
    monkeypatch.setattr(webhooks, "LARGEST_BODY", 1000)
    assert client.post(PATH, content=b"x" * 2000, headers=signed()).status_code == 413
    assert kept(settings) == []


@pytest.mark.parametrize(("stated", "token", "status"), [
    ("a long enough token", "a long enough token", 204), ("a long enough token", "a long enough tokem", 403),
    ("short", "short", 403), ("", "", 404), ("", "x", 403),
])  # fmt: skip
def test_a_reply_is_taken_at_the_secret_address_only(settings, client, monkeypatch, stated, token, status):
    monkeypatch.setenv(webhooks.INBOUND_ENV, stated)
    form = {"email": (None, "From: ann@example.org\r\nMessage-ID: <1@example.org>\r\n\r\nHello")}
    answer = client.post(f"/webhooks/sendgrid/inbound/{token}", files=form)

    assert answer.status_code == status
    assert [each.source for each in kept(settings)] == ["sendgrid_inbound"] * (status == 204)


def test_a_help_desks_events_are_signed_as_ours_are(settings, client, monkeypatch):
    monkeypatch.setenv(SECRET_ENV, "whsec_" + base64.b64encode(b"s" * 32).decode())
    body = json.dumps({"id": "1", "message": "f" * 32, "event": "delivered", "occurred_at": "2026-04-01T10:00:00+00:00"}).encode()
    headers = signed_headers("1", body, now=clock.now())

    assert client.post("/webhooks/cases/events", content=body, headers=headers).status_code == 204
    assert client.post("/webhooks/cases/events", content=body + b" ", headers=headers).status_code == 403
    assert [each.source for each in kept(settings)] == ["webhook"]


def test_a_get_does_nothing(client):
    assert client.get(PATH).status_code == 405
