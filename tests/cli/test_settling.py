"""A person settles what no machine may: replies, calls, doubts; and says who they are."""

import json

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from cli.app import app
from cli.voice import VOICE
from core.errors import BeforehandError
from ledger.acts import Act
from ledger.calls import list_calls
from ledger.contacts import Contact
from ledger.customers import Customer
from ledger.flags import Flag
from ledger.messages import Message, State
from ledger.suppressions import Suppression
from tests.ledger.test_messages import NOW, plan


@pytest.fixture
def ledger(session):
    """One planned message to a customer, a reply, and a call to be made."""
    plan(session, 1)
    message = session.scalar(select(Message))
    message.key, message.channel, message.state = "f" * 32, "call_list", State.ACCEPTED
    message.customer_id = "ann"
    session.add(Customer(customer_id="ann", unit_id="ann", name="Ann", address="ann@example.org", phone="+49 40 1", consent=True, updated_at=NOW))
    session.add(Contact(source_id="1", kind="stop", customer_id="ann", message_id=message.id, flag_id=message.flag_id, text="STOP please", received_at=NOW))
    list_calls(session, [{"message_key": message.key, "says": "Hello Ann", "listed_at": NOW}])
    session.commit()
    yield session
    VOICE.as_json = False


def run(*arguments):
    done = CliRunner().invoke(app, [*arguments, "--json"])
    if isinstance(done.exception, BeforehandError):
        return str(done.exception)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def subjects(session):
    session.expire_all()
    return {each.subject for each in session.scalars(select(Suppression))}


def test_a_wish_to_stop_is_listed_and_handled_by_a_named_person(ledger):
    (waiting,) = run("inbox")["waiting"]
    assert (waiting["kind"], waiting["customer_id"], waiting["text"]) == ("stop", "ann", "STOP please")
    assert "--by: who handled it is missing" in run("inbox", "--handle", str(waiting["contact"]))
    run("inbox", "--handle", str(waiting["contact"]), "--by", "mia", "--stop")

    assert run("inbox")["waiting"] == []
    assert subjects(ledger) == {"ann", "ann@example.org"}
    assert ledger.scalar(select(Act.actor).where(Act.act == "handle_contact")) == "mia"
    assert "there is no open contact of this number" in run("inbox", "--handle", str(waiting["contact"]), "--by", "mia")


def test_a_call_is_listed_with_name_and_number_and_settled_once(ledger):
    (call,) = run("calls")["calls"]
    assert (call["name"], call["phone"], call["says"]) == ("Ann", "+49 40 1", "Hello Ann")
    assert "Did you mean 'reached'" in run("calls", "--settle", call["call"], "--as", "reachd", "--by", "mia")
    assert run("calls", "--settle", call["call"], "--as", "reached", "--by", "mia")["moved"] is True
    assert run("calls", "--settle", call["call"], "--as", "not_reached", "--by", "mia")["moved"] is False

    assert run("calls")["calls"] == []
    ledger.expire_all()
    assert ledger.scalar(select(Message.state)) == "delivered"


def test_who_wants_no_calls_is_never_written_to_again(ledger):
    run("calls", "--settle", "f" * 32, "--as", "wants_no_calls", "--by", "mia")

    assert subjects(ledger) == {"ann", "ann@example.org"}


def test_events_are_shown_heard_and_replayed(ledger):
    shown = run("events")
    assert (shown["events"], shown["aside"], shown["problems"], shown["unread"]) == ([], [], [], 0)
    assert run("events", "hear") == {"heard": {}}
    assert run("events", "replay", "--from", "2026-01-01") == {"heard": {}}
    assert "Did you mean 'replay'" in run("events", "reply")
    assert "--from is for replay only" in run("events", "show", "--from", "2026-01-01")


def test_a_message_that_needs_a_word_gets_it_from_a_person(ledger):
    message = ledger.scalar(select(Message))
    message.state, message.needs_approval = State.PLANNED, True
    ledger.commit()
    assert run("send", "--approve", str(message.id), "--by", "mia")["moved"] is True
    assert run("send", "--approve", str(message.id), "--by", "mia")["moved"] is False
    ledger.expire_all()

    assert ledger.scalar(select(Message.state)) == "approved"
    assert ledger.scalar(select(Flag.state)) == "open"
