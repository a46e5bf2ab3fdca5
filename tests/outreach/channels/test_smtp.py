"""A mail server's answers decide what we know; only silence after the message itself is a doubt."""

import pytest

from outreach.channel import Status, channel
from outreach.plan import plan_day
from outreach.send import send_due
from tests.outreach.channels.stages import MailServer
from tests.outreach.channels.test_every_channel import letters
from tests.outreach.house import DAY, NOW

SMTP = channel("smtp")


@pytest.fixture
def server(house, monkeypatch):
    monkeypatch.delenv("SMTP_USER", raising=False)
    monkeypatch.delenv("SMTP_PASSWORD", raising=False)
    running = MailServer()
    running.controller.start()
    house.configure(running.toml)
    yield running
    running.controller.stop()


def statuses(receipts):
    return [(receipt.status, (receipt.reason or "")[:8]) for receipt in sorted(receipts, key=lambda each: each.key)]


@pytest.mark.parametrize(("answer", "status"), [("550 no such user", Status.REFUSED), ("450 greylisted", Status.DEFERRED)])
def test_one_recipient_who_is_not_taken_does_not_take_the_others_along(house, server, answer, status):
    server.answers["c00001@example.org"] = answer
    receipts = SMTP.send(letters(house), settings=house.settings, now=NOW)

    assert statuses(receipts) == [(Status.ACCEPTED, ""), (status, f"SMTP {answer[:3]}"), (Status.ACCEPTED, "")]
    assert [to for to, _ in server.taken] == ["c00000@example.org", "c00002@example.org"]


@pytest.mark.parametrize(("answer", "status"), [("554 spam", Status.REFUSED), ("451 later", Status.DEFERRED)])
def test_a_message_that_is_not_taken_is_known_not_to_be(house, server, answer, status):
    server.answers["DATA"] = answer

    assert statuses(SMTP.send(letters(house, 1), settings=house.settings, now=NOW)) == [(status, f"SMTP {answer[:3]}")]


def test_silence_after_the_message_is_a_doubt_and_what_comes_after_it_was_never_sent(house, server):
    server.on_data = lambda smtp: smtp.transport.abort()
    receipts = SMTP.send(letters(house), settings=house.settings, now=NOW)

    assert statuses(receipts) == [(Status.UNCERTAIN, "no answe"), (Status.DEFERRED, "the conn"), (Status.DEFERRED, "the conn")]
    assert len(server.taken) == 1


def test_wrong_credentials_burn_no_message(house, server, monkeypatch):
    monkeypatch.setenv("SMTP_USER", "lumen")
    monkeypatch.setenv("SMTP_PASSWORD", "wrong-password")
    receipts = SMTP.send(letters(house, 1), settings=house.settings, now=NOW)

    assert (receipts[0].status, receipts[0].broken) == (Status.DEFERRED, True)
    assert "wrong-password" not in receipts[0].reason


def test_a_server_that_wants_seven_bits_gets_the_same_words(house, monkeypatch):
    monkeypatch.delenv("SMTP_USER", raising=False)
    monkeypatch.delenv("SMTP_PASSWORD", raising=False)
    running = MailServer(seven_bits=True)
    running.controller.start()
    house.configure(running.toml)
    receipts = SMTP.send(letters(house, 1), settings=house.settings, now=NOW)
    running.controller.stop()

    assert statuses(receipts) == [(Status.ACCEPTED, "")]
    assert "Änn" in running.taken[0][1].get_body(("plain",)).get_content()


def test_the_send_loop_speaks_it_too(house, server):
    house.configure('[outreach]\nchannel = "smtp"\n')
    house.playbook(holdout=1e-9)
    house.crowd(5)
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert send_due(now=NOW, settings=house.settings) == {"accepted": 5}
    assert {mail["List-Unsubscribe-Post"] for _, mail in server.taken} == {"List-Unsubscribe=One-Click"}
    assert {m.receipt for m in house.messages()} == {"taken as 42"}


def test_a_line_that_begins_with_a_dot_arrives_as_it_was(house, server):
    (letter,) = letters(house, 1)
    dotted = letter.__class__(**{**letter.__dict__, "skeleton": letter.skeleton.__class__(
        **{**{k: v for k, v in letter.skeleton.__dict__.items() if k != "body"}, "text": ".\n.. two\nend\n"})})
    SMTP.send([dotted], settings=house.settings, now=NOW)

    assert server.taken[0][1].get_body(("plain",)).get_content().splitlines()[:3] == [".", ".. two", "end"]
