"""The whole way in a real browser: a leader trims and approves, the real scheduler sends, the customer answers and stops, the leader sees it."""

import re
import time
from datetime import UTC
from email import message_from_bytes, policy

import pytest
from playwright.sync_api import sync_playwright

from bench.inside_airflow import airflow
from bench.screenshots import PASSWORD, served
from console.airflow import PASSWORD_ENV
from core.clock import last_whole_day, now
from outreach.links import PAGES
from tests.browser.test_pages import CHROMIUM
from tests.console.house import add_people
from tests.outreach.house import House

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium"), pytest.mark.timeout(900)]
CUSTOMERS = [f"c{n:02d}" for n in range(12)]
ANY_DAY = "[outreach]\nwrite_on_weekends = true\nwrite_on_holidays = true\n"
NOON = 12


@pytest.fixture
def house(settings):
    """A company with a cohort of twelve that waits, whose customers live where it is about noon."""
    house, here = House(settings), now()
    add_people(settings)
    house.customers(*CUSTOMERS, time_zone=_where_it_is_noon(here), country="DE", updated_at=here)
    house.flags(*CUSTOMERS, day=last_whole_day(here), cohort="waiting", created_at=here)
    return house


@pytest.fixture
def scheduler(house, embedded_server, monkeypatch):
    """A running Airflow that knows this company."""
    monkeypatch.setenv("AIRFLOW_DATABASE_URL", embedded_server.airflow_url)
    house.configure(ANY_DAY)
    with airflow(house.settings) as started:
        started.wait_until(started.is_ready, seconds=300, what="the DAGs")
        started.unpause(("send",))
        monkeypatch.setenv(PASSWORD_ENV, started.password())
        yield started


@pytest.fixture
def address(house, scheduler):
    """Where the console is served, which tells Airflow of approvals."""
    with served(house.configure(f'[console]\nairflow = "{scheduler.url}"\n')) as served_at:
        yield served_at


@pytest.fixture
def browser():
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def test_from_a_decision_to_an_answer_and_back(house, address, browser):
    cohort = f"{address}/cohorts/payment_failing/{last_whole_day(now())}"
    ann = signed_in(browser, address, "reviewer")
    ann.goto(cohort)
    told("a reviewer opens the cohort", ann)
    ann.locator("tr", has_text="c03").locator("input[type=checkbox]").check()
    ann.get_by_role("button", name="Take out the marked").click()
    ann.get_by_text("1 were taken out").wait_for()
    assert ann.get_by_role("button", name="Approve").count() == 0, "a reviewer may approve"

    bob = signed_in(browser, address, "approver")
    bob.goto(cohort)
    bob.fill("#note", "As usual on the first of the month.")
    bob.get_by_role("button", name="Approve").click()
    bob.get_by_text("approved it at").first.wait_for()
    told("an approver approves it", bob)

    letters = wait_for(lambda: house.mailbox(), 300, "the scheduler to send")
    messages = {message.customer_id: message for message in house.messages()}
    assert "c03" not in messages, "who was taken out was drawn"
    assert {message.state for message in messages.values()} <= {"accepted", "held_out"}
    letter = message_from_bytes(letters[0].read_bytes(), policy=policy.default)
    customer = next(c for c, m in messages.items() if m.key in letters[0].name)
    print(f"the scheduler sent {len(letters)} letters, {sum(m.state == 'held_out' for m in messages.values())} are held out")  # noqa: T201

    theirs = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    theirs.set_default_timeout(60_000)
    theirs.goto(here(letter, address, r"answer/\S+/call_me"))
    theirs.locator("main form button").first.click()
    told("the customer asks to be called", theirs)
    theirs.goto(here(letter, address, r"stop/\S+"))
    theirs.locator("main form button").first.click()
    told("the customer stops these messages", theirs)

    bob.goto(f"{address}/customers/{customer}")
    seen = bob.inner_text("main").lower()
    told("the leader looks at the customer", bob)
    assert "call" in seen
    assert "stop" in seen
    bob.goto(f"{address}/")
    assert customer in bob.inner_text("main"), "the call that was asked for is not on the first page"
    assert bob.complaints == []


def signed_in(browser, address, role):
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"{address}/sign-in")
    page.fill("#email", f"{role}@lumen.example")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{address}/")
    return page


def told(what, page):
    """Say how far the journey is, for its log."""
    print(f"{now():%H:%M:%S} {what}: {page.title()}")  # noqa: T201


def here(letter, address, page):
    """The letter's link to one of our pages, as it is reached in this test."""
    text = letter.get_body(("plain",)).get_content()
    return address + re.search(rf"https://lumen\.example({PAGES}/{page})", text).group(1)


def wait_for(found, seconds, what):
    end = time.monotonic() + seconds
    while not (there := found()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(1)
    return there


def _where_it_is_noon(instant):
    """A zone where it is about noon, whatever hour it is here. (POSIX zones count westwards: Etc/GMT-3 is three hours ahead.)"""
    ahead = (NOON - instant.astimezone(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
