"""Another system asks whether a customer is held out, and gets the command line's answer."""

import pytest
from fastapi.testclient import TestClient

from console.app import create_app
from core import clock
from ledger.api_tokens import make_token
from outreach.heldout import heldout
from outreach.plan import plan_day
from tests.outreach.house import DAY, NOW, House


@pytest.fixture
def house(settings):
    made = House(settings)
    made.crowd(10)
    plan_day(day=DAY, now=NOW, settings=settings)
    return made


@pytest.fixture
def ask(house):
    with house.open.begin() as session:
        secret = make_token(session, name="campaigns", scopes=["holdout:read"], by="ada", now=clock.now())

    with TestClient(create_app(house.settings)) as client:
        yield lambda path, key=secret: client.get(path, headers={"Authorization": f"Bearer {key}"})


def test_every_customer_gets_the_same_answer_as_by_every_other_door(house, ask):
    for number in range(10):
        customer = f"c{number:05d}"
        with house.open() as session:
            expected = heldout(session, customer, day=DAY, settings=house.settings, issue="payment_failing")
        assert ask(f"/api/v1/holdout/{customer}?issue=payment_failing&day={DAY}").json() == expected


def test_without_a_token_nobody_learns_anything(ask):
    assert ask("/api/v1/holdout/c00001", "bfh_made_up").status_code == 401


def test_an_issue_nobody_knows_is_named(ask):
    answer = ask("/api/v1/holdout/c00001?issue=payment_filing")
    assert answer.status_code == 404
    assert "Did you mean 'payment_failing'" in answer.text
