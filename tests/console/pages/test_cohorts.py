"""The list of cohorts is found by issue, state and day, page by page, and as a file."""

import re
from datetime import timedelta

import pytest

from console.pages import cohorts
from ledger.cohorts import Cohort
from tests.console.house import browser
from tests.outreach.house import DAY, NOW


@pytest.fixture
def client(house):
    for n in range(4):
        for issue in ("payment_failing", "app_trouble"):
            house.add(Cohort(issue=issue, day=DAY - timedelta(days=n), size=10 + n, created_at=NOW, state="waiting" if n == 0 else "approved",
                             replay=n == 3))  # fmt: skip
    with browser(house.settings, "viewer") as opened:
        yield opened


def listed(page):
    return re.findall(r'href="/cohorts/(\w+)/(\d{4}-\d\d-\d\d)"', page)


def test_the_newest_come_first(client):
    found = listed(client.get("/cohorts").text)
    assert len(found) == 8
    assert found[:2] == [("app_trouble", "2026-03-31"), ("payment_failing", "2026-03-31")]


@pytest.mark.parametrize(
    ("query", "n"),
    [("issue=app_trouble", 4), ("state=waiting", 2), ("state=approved", 4), ("state=replay", 2), ("since=2026-03-30", 4),
     ("until=2026-03-29&issue=app_trouble", 2), ("issue=unheard_of", 0)],
)  # fmt: skip
def test_they_are_filtered_by_the_address(client, query, n):
    assert len(listed(client.get(f"/cohorts?{query}").text)) == n


def test_page_after_page_shows_each_once(client, monkeypatch):
    monkeypatch.setattr(cohorts, "PAGE", 3)
    seen, address = [], "/cohorts"
    while address:
        page = client.get(address).text
        seen += listed(page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        address = following and following.group(1).replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 8


@pytest.mark.parametrize("query", ["state=lost", "since=yesterday", "after=x~y"])
def test_a_question_that_makes_no_sense_is_answered_in_words(client, query):
    assert client.get(f"/cohorts?{query}").status_code == 422


def test_what_is_listed_is_a_file_too(client):
    assert len(client.get("/cohorts?issue=app_trouble&as=csv").text.strip().splitlines()) == 5


def test_an_empty_list_says_what_will_appear(house):
    with browser(house.settings, "viewer") as client:
        assert "There is no cohort yet" in client.get("/cohorts").text
