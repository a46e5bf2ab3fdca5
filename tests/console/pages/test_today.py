"""The first page: what was missed, what waits by what it is worth, what is doubtful, stopped, counted and late."""

from datetime import timedelta

import pytest

from core import clock
from core.clock import last_whole_day
from ledger.brakes import pull_brake
from ledger.calls import list_calls
from ledger.cohorts import Cohort
from ledger.days import mark_done
from ledger.missed import Missed
from outreach.plan import plan_day
from outreach.send import send_due
from tests.console.house import browser
from tests.outreach.house import DAY, NOW


@pytest.fixture
def client(house):
    with browser(house.settings, "approver") as opened:
        opened.house = house
        yield opened


def sections(page):
    """The text of each section, by its heading's id."""
    import re

    return {name: text for name, text in re.findall(r'<section aria-labelledby="(\w+)">(.*?)</section>', page, re.DOTALL)}


def test_an_empty_company_is_told_what_will_appear_and_when(client):
    page = client.get("/").text
    said = sections(page)
    assert list(said) == ["missed", "waiting", "calls", "doubts", "brakes", "counts", "late"]
    assert all('class="empty"' in text for text in said.values())
    assert "Nobody has been flagged yet" in said["waiting"]


def test_what_was_missed_is_told_by_kind_and_reason_with_its_trend(client):
    for back, why, n in ((0, "foreseen", 3), (0, "no_detector", 1), (6, "too_late", 2), (7, "no_data", 50)):
        client.house.add(Missed(day=DAY - timedelta(days=back), event="contacts.billing_question", why=why, n=n, counted_at=NOW))
    said = sections(client.get("/").text)["missed"]
    assert "<dd>3</dd>" in said
    assert "<dd>50%</dd>" in said
    assert "contacts: billing question" in said
    assert "Foreseen, week by week" in said


def test_cohorts_wait_in_the_order_of_what_they_are_worth(client):
    for issue, worth in (("little", 10.0), ("much", 900.0), ("unknown", None)):
        client.house.add(Cohort(issue=issue, day=DAY, size=5, expected_worth=worth, created_at=NOW))
    client.house.add(Cohort(issue="replayed", day=DAY, size=5, replay=True, created_at=NOW))
    said = sections(client.get("/").text)["waiting"]
    assert said.index(">much<") < said.index(">little<") < said.index(">unknown<")
    assert "replayed" not in said


def test_calls_and_doubts_are_listed_and_brakes_with_their_reason(client):
    house = client.house
    house.customers("ann", "bob")
    house.flags("ann", "bob")
    house.playbook(holdout=0.0, more="never_hold_out = true")
    plan_day(day=DAY, now=NOW, settings=house.settings)
    with house.open.begin() as session:
        list_calls(session, [{"message_key": house.message("ann").key, "says": "Hello, <b>this</b> is Lumen.", "listed_at": NOW}])
        pull_brake(session, issue=None, kind="bounces", reason="3% of a week's messages bounced", now=NOW)
    from ledger.messages import Message

    house.change(Message, {"customer_id": "bob"}, state="uncertain", claimed_at=NOW, settled_at=NOW)
    said = sections(client.get("/").text)
    assert "Hello, &lt;b&gt;this&lt;/b&gt; is Lumen." in said["calls"]
    assert "/customers/bob" in said["doubts"]
    assert "Never left" in said["doubts"]
    assert "Everything is stopped" in said["brakes"]
    assert "3% of a week&#39;s messages bounced" in said["brakes"]


def test_the_counts_of_the_newest_day_add_up(client):
    house = client.house
    house.crowd(20)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)
    said = sections(client.get("/").text)["counts"]
    assert "<td>yes</td>" in said
    assert f'<td class="n">{house.states()["accepted"]}</td>' in said

    house.change(Cohort, {"issue": "payment_failing"}, size=21)
    assert "does not add up" in sections(client.get("/").text)["counts"]


def test_a_step_that_lies_behind_is_late_with_its_sources(client):
    yesterday = last_whole_day(clock.now() - timedelta(hours=8))
    with client.house.open.begin() as session:
        mark_done(session, yesterday, "plan", now=NOW, counts={})
        mark_done(session, yesterday - timedelta(days=3), "detect", now=NOW, counts={})
    said = sections(client.get("/").text)["late"]
    assert "Pull the day, score it, flag" in said
    assert "3 days behind" in said
    assert "Gate, draw and plan" not in said
    assert 'hx-get="/late"' in said
    assert "billing: never pulled" in client.get("/late").text
