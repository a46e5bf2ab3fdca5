"""What was posted is kept byte for byte before it is read: once, with what could not be read, and not for longer than needed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ledger.event_bodies import EventBody, keep_body
from ledger.provider_events import ProviderEvent
from outreach.events import hear_events, keep
from tests.outreach.heard import event, post
from tests.outreach.house import NOW


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'"x"', b"\xff\xfe"])
def test_a_body_that_cannot_be_read_is_kept_with_its_problem(sent, body):
    keep(sent.settings, "sendgrid", body, "application/json", now=NOW)

    assert hear_events(now=NOW, settings=sent.settings) == {"problems": 1}
    with sent.open() as session:
        (kept,) = session.scalars(select(EventBody))
    assert kept.body == body
    assert kept.problem


@pytest.mark.parametrize("wrong", [7, {"event": "explode"}, {"event": "delivered", "timestamp": "soon"}, {"event": "bounce"},
                                   {"event": "delivered", "timestamp": 1e300}, {"event": "delivered", "timestamp": True}])  # fmt: skip
def test_one_bad_event_does_not_take_the_others_with_it(sent, wrong):
    heard = post(sent, wrong, event(sent.message("c00000"), "delivered"))

    assert heard == {"events": 1, "problems": 1}
    assert sent.message("c00000").state == "delivered"


def test_the_same_body_twice_is_one_row(sent):
    with sent.open.begin() as session:
        kept = [keep_body(session, source="sendgrid", body=b"[]", content_type="", now=NOW) for _ in range(2)]

    assert kept == [True, False]


def test_after_a_month_a_body_is_emptied_and_its_events_stay(sent):
    post(sent, event(sent.message("c00000"), "delivered"))
    hear_events(now=NOW + timedelta(days=31), settings=sent.settings)

    with sent.open() as session:
        assert list(session.scalars(select(EventBody.body))) == [b""]
    assert sent.count(ProviderEvent) == 1
