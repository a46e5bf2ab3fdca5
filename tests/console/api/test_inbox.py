"""Another system tells of contacts and outcomes: taken whole or not at all, done once however often it is sent."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from console.body_limit import LARGEST_BODY
from core import clock
from ledger.inbox import InboxRow
from outreach.erase import erase

CALL = {"id": "T-1", "customer_id": "c1", "topic": "billing_dispute", "channel": "call", "occurred_at": "2026-03-31T14:05:00+02:00",
        "facts": {"waited_minutes": 7.5}}  # fmt: skip
SALE = {"id": "S-1", "customer_id": "c2", "outcome": "bought", "occurred_at": "2026-03-31T09:00:00Z", "amount_cents": 1990, "currency": "EUR"}


def tell(caller, *rows, key="k-1", what="contacts"):
    return caller.post(f"/api/v1/{what}", json={what: list(rows)}, headers={"Idempotency-Key": key})


def kept(session):
    return session.scalar(select(func.count()).select_from(InboxRow))


def test_what_is_told_lands_in_the_inbox_as_it_came_with_the_moment_we_received_it(caller, session):
    before = clock.now()
    answer = tell(caller, CALL)
    assert answer.status_code == 201, answer.text
    row = session.scalars(select(InboxRow)).one()
    assert (row.kind, row.customer_id, row.token, row.idempotency_key) == ("contact", "c1", "crm", "k-1")
    assert row.body == {name: value for name, value in CALL.items() if name != "customer_id"}
    assert before <= row.recorded_at <= clock.now()
    assert answer.json()["taken"] == 1


def test_the_same_request_twice_is_done_once_and_answered_alike(caller, session):
    first, second = tell(caller, SALE, what="outcomes"), tell(caller, SALE, what="outcomes")
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert (first.headers.get("idempotent-replayed"), second.headers["idempotent-replayed"]) == (None, "true")
    assert kept(session) == 1


def test_blanks_and_the_order_of_keys_make_no_other_request(caller, session):
    tell(caller, CALL)
    headers = {"Idempotency-Key": "k-1", "Content-Type": "application/json"}
    again = caller.post("/api/v1/contacts", content=json.dumps({"contacts": [dict(reversed(CALL.items()))]}, indent=4), headers=headers)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert kept(session) == 1


def test_the_same_key_for_something_else_is_refused_and_names_the_header(caller, session):
    tell(caller, CALL)
    answer = tell(caller, CALL | {"id": "T-2"})
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["field"] == "Idempotency-Key"
    assert "used for another request" in answer.json()["detail"]
    assert kept(session) == 1


def test_two_systems_may_choose_the_same_key(caller, make_caller, session):
    assert [tell(each, CALL).status_code for each in (caller, make_caller("desk"))] == [201, 201]
    assert kept(session) == 2


def test_of_many_at_once_one_is_done_and_all_get_its_answer(caller, session):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: tell(caller, CALL), range(8)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert kept(session) == 1


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"customer_id": ""}, "contacts.1.customer_id"),
        ({"customer_id": "c\x00"}, "contacts.1.customer_id"),
        ({"occurred_at": "2026-03-31T14:05:00"}, "contacts.1.occurred_at"),
        ({"channel": "pigeon"}, "contacts.1.channel"),
        ({"topics": "x"}, "contacts.1.topics"),
        ({"occurred_at": (clock.now() + timedelta(hours=1)).isoformat()}, "contacts.1.occurred_at"),
        ({"facts": {"Name": 1}}, "contacts.1.facts.Name.[key]"),
    ],
)
def test_one_bad_row_is_named_and_none_is_taken(caller, session, changed, field):
    answer = tell(caller, CALL, CALL | changed)
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["fields"]] == [field]
    assert kept(session) == 0
    assert tell(caller, CALL).status_code == 201  # what was refused did not use the key up


def test_a_request_without_a_key_is_refused(caller):
    answer = caller.post("/api/v1/contacts", json={"contacts": [CALL]})
    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "Idempotency-Key")


def test_a_body_that_is_too_large_is_refused(caller, session):
    answer = caller.post("/api/v1/contacts", content=b" " * (LARGEST_BODY + 1), headers={"Idempotency-Key": "k", "Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "Send fewer rows" in answer.json()["detail"]
    assert kept(session) == 0


def test_a_token_that_only_reads_tells_nothing(make_caller, session):
    assert tell(make_caller("reader", ["flags:read"]), CALL).status_code == 403
    assert kept(session) == 0


def test_an_erased_customer_leaves_the_inbox(caller, settings, session):
    tell(caller, CALL, CALL | {"id": "T-2", "customer_id": "c9"})
    erase(settings, "c1", by="ada", now=clock.now())
    assert session.scalars(select(InboxRow.customer_id)).all() == ["c9"]
