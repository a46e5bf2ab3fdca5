"""A provider's events give one state, whatever their order and however often they come; what is not ours is kept aside."""

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from ledger.messages import Message, State, claim_due
from ledger.outcomes import Outcome
from ledger.provider_events import ProviderEvent, set_aside
from ledger.suppressions import Suppression
from outreach.event import Event, Kind
from outreach.events import hear_told, keep, replay
from outreach.plan import plan_day
from outreach.send import send_due
from tests.outreach.heard import event, post, suppressed
from tests.outreach.house import DAY, NOW, minutes


@pytest.mark.parametrize(
    ("told", "state"),
    [("processed", "accepted"), ("deferred", "delayed"), ("delivered", "delivered"), ("dropped", "dropped"),
     ("bounce", "bounced"), ("spamreport", "complained"), ("unsubscribe", "accepted"), ("open", "accepted"), ("click", "accepted")],
)  # fmt: skip
def test_each_event_moves_its_message(sent, told, state):
    first = sent.message("c00000")
    post(sent, event(first, told))

    assert sent.message("c00000").state == state
    assert sent.message("c00001").state == "accepted"


def test_opens_and_clicks_are_not_kept(sent):
    assert post(sent, event(sent.message("c00000"), "open"), event(sent.message("c00000"), "click")) == {}
    assert sent.count(ProviderEvent) == 0


@pytest.mark.parametrize(
    ("told", "more", "whom"),
    [
        ("bounce", {"type": "bounce", "reason": "550 5.1.1 <c00000@example.org> unknown"}, {("c00000@example.org", "hard_bounce")}),
        ("bounce", {"type": "blocked"}, set()),
        ("dropped", {"reason": "Bounced Address"}, {("c00000@example.org", "hard_bounce")}),
        ("dropped", {"reason": "Invalid SMTPAPI header"}, set()),
        ("spamreport", {}, {("c00000@example.org", "complaint"), ("c00000", "complaint")}),
        ("unsubscribe", {}, {("c00000@example.org", "opt_out"), ("c00000", "opt_out")}),
        ("group_unsubscribe", {}, {("c00000@example.org", "opt_out"), ("c00000", "opt_out")}),
        ("spamreport", {"email": "rehearsal@lumen.example"}, {("rehearsal@lumen.example", "complaint")}),
        ("deferred", {}, set()), ("delivered", {}, set()),
    ],
)  # fmt: skip
def test_whom_we_never_write_to_again(sent, told, more, whom):
    post(sent, event(sent.message("c00000"), told, **more))

    assert suppressed(sent) == whom


def test_an_event_never_names_an_address(sent):
    post(sent, event(sent.message("c00000"), "bounce", reason="550 5.1.1 <c00000@example.org> unknown user"))

    with sent.open() as session:
        (detail,) = session.scalars(select(ProviderEvent.detail))
    assert detail["reason"] == "550 5.1.1 <<address>> unknown user"


KINDS = st.sampled_from(list(Kind))
TOLD = st.lists(st.tuples(st.integers(0, 2), KINDS, st.integers(0, 3), st.booleans()), min_size=1, max_size=8)


@given(told=TOLD, data=st.data())
@hypothesis_settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_and_any_number_of_repeats_give_the_same_state(sent, told, data):
    messages = sent.messages()
    events = [
        Event("sendgrid", f"{n}-{kind}-{at}-{hard}", kind, messages[n].key, NOW + minutes(at), f"{messages[n].customer_id}@example.org",
              hard and kind is Kind.BOUNCED)
        for n, kind, at, hard in told
    ]  # fmt: skip
    repeated = data.draw(st.lists(st.sampled_from(events), max_size=6))
    shuffled = data.draw(st.permutations(events + repeated))
    cut = data.draw(st.integers(0, len(shuffled)))

    assert after(sent, [events]) == after(sent, [shuffled[:cut], shuffled[cut:]])


def after(house, batches):
    """Return everything that is known after events, beginning with three messages in doubt."""
    with house.open.begin() as session:
        for table in (ProviderEvent, Suppression, Outcome):
            session.execute(delete(table))
        session.execute(text("UPDATE messages SET state = 'uncertain', settled_at = claimed_at"))
    for n, batch in enumerate(batches):
        with house.open.begin() as session:
            hear_told(session, batch, now=NOW + minutes(n))
    with house.open() as session:
        return (
            session.execute(select(Message.key, Message.state, Message.settled_at).order_by(Message.key)).all(),
            session.execute(select(Suppression.subject, Suppression.reason, Suppression.since).order_by(Suppression.subject)).all(),
            session.execute(select(Outcome.message_id, Outcome.kind, Outcome.occurred_at, Outcome.detail)
                            .order_by(Outcome.message_id, Outcome.kind)).all(),
            session.execute(select(ProviderEvent.event_id).order_by(ProviderEvent.event_id)).all(),
        )  # fmt: skip


@pytest.mark.parametrize("state", ["planned", "claimed", "uncertain", "refused"])
def test_an_event_proves_that_the_provider_has_the_message_whatever_we_thought(sent, state):
    sent.change(Message, {"customer_id": "c00000"}, state=state)
    post(sent, event(sent.message("c00000"), "delivered"))

    assert sent.message("c00000").state == "delivered"
    assert send_due(now=NOW + minutes(600), settings=sent.settings) == {}, "and so it is never sent again"


def test_a_sender_whose_answer_comes_after_the_event_counts_it_as_accepted(house, provider):
    provider.settings(house)
    house.playbook(holdout=1e-9)
    house.crowd(1)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    provider.on_take = lambda: post(house, event(house.message("c00000"), "delivered"))

    assert send_due(now=NOW, settings=house.settings) == {"accepted": 1}
    assert house.message("c00000").state == "delivered"


@pytest.mark.parametrize("state", ["held_out", "shadow", "suppressed"])
def test_an_event_of_a_message_that_was_never_to_be_sent_is_kept_aside(sent, state):
    sent.change(Message, {"customer_id": "c00000"}, state=state)

    assert post(sent, event(sent.message("c00000"), "spamreport")) == {"events": 1, "aside": 1}
    assert sent.message("c00000").state == state
    assert suppressed(sent) == set()


def test_an_event_of_an_unknown_message_is_kept_aside_until_we_know_it(sent):
    message = sent.message("c00000")
    sent.change(Message, {"customer_id": "c00000"}, key="f" * 32)
    assert post(sent, event(message, "delivered")) == {"events": 1, "aside": 1}
    with sent.open() as session:
        assert [each.message_key for each in set_aside(session)] == [message.key]
    sent.change(Message, {"customer_id": "c00000"}, key=message.key)
    replay(since=NOW - timedelta(days=1), now=NOW, settings=sent.settings)

    assert sent.message("c00000").state == "delivered"
    with sent.open() as session:
        assert set_aside(session) == []


def test_replaying_changes_nothing_that_was_heard(sent):
    for kind in ("processed", "delivered", "spamreport"):
        post(sent, event(sent.message("c00000"), kind))
    before = [(m.state, m.settled_at, m.moved_at) for m in sent.messages()], suppressed(sent), sent.count(Outcome)

    assert replay(since=NOW, now=NOW + minutes(9), settings=sent.settings) == {"events": 3}
    assert ([(m.state, m.settled_at, m.moved_at) for m in sent.messages()], suppressed(sent), sent.count(Outcome)) == before


def test_a_doubt_is_settled_by_the_next_send(house, provider):
    provider.settings(house)
    house.playbook(holdout=1e-9)
    house.crowd(2)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    with house.open.begin() as session:
        claim_due(session, now=NOW, lease=minutes(5), limit=1)
    keep(house.settings, "sendgrid", json.dumps([event(house.message("c00000"), "processed")]).encode(), "", now=NOW)

    assert send_due(now=NOW + minutes(6), settings=house.settings) == {"accepted": 1}
    assert house.states() == {"accepted": 2}


def test_a_message_that_waits_stops_when_its_customer_bounced_meanwhile(house, provider):
    provider.settings(house)
    house.playbook(holdout=1e-9)
    house.playbook("other", holdout=1e-9)
    house.crowd(1)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)
    post(house, event(house.message("c00000"), "spamreport"))
    house.change(Message, {}, state=State.PLANNED)

    assert send_due(now=NOW, settings=house.settings) == {"suppressed": 1}
