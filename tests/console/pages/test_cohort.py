"""What a person sees of a cohort before they decide; the arm is told to nobody who can still trim."""

import io

import polars as pl
import pytest
from sqlalchemy import event

from console import cohort_table
from ledger.cohorts import Cohort
from ledger.database import engine
from ledger.flags import Flag
from outreach.plan import plan_day
from tests.console.house import browser
from tests.outreach.house import DAY, NOW

HERE = f"/cohorts/payment_failing/{DAY}"
ISSUE = """
description  = "Service is about to stop"
horizon_days = 28
capacity     = 5
[trouble]
event = "billing.service_suspended"
[value]
contact_cost  = 0.05
needless_cost = 0.50
saved         = 12.00
"""


@pytest.fixture
def client(waiting):
    (waiting.settings.folder / "issues" / "payment_failing.toml").write_text(ISSUE)
    with browser(waiting.settings, "reviewer") as opened:
        opened.house = waiting
        yield opened


def customers(page):
    """The customers of the table, in its order."""
    import re

    return re.findall(r'<a class="row" href="/customers/(\w+)"', page)


def test_size_stands_beside_what_is_usual(client):
    for n in range(1, 9):
        client.house.add(Cohort(issue="payment_failing", day=DAY.replace(day=n), size=2, created_at=NOW))
    page = client.get(HERE).text
    assert "5 were flagged, 2.5 times the usual size" in page


def test_worth_and_cost_are_of_those_still_in(client):
    client.house.change(Cohort, {"issue": "payment_failing"}, expected_precision=0.3)
    page = client.get(HERE).text
    # of five at 10, 20, 30, 40 and 50 percent 1.5 are struck: 1.5 * 12.00 saved, 5 * 0.05 + 3.5 * 0.50 spent
    assert "€18</dd>" in page
    assert "€2</dd>" in page

    client.house.change(Cohort, {"issue": "payment_failing"}, trimmed=[1, 2, 3])
    assert "€11</dd>" in client.get(HERE).text


def test_an_unproven_detector_says_that_nobody_knows_the_worth(client):
    assert "not proven on past days" in client.get(HERE).text


def test_traits_mode_share_and_the_day_of_the_answer_are_told(client):
    trait = {"feature": "customers__plan__is_monthly", "lift": 1.9, "said": "plan is monthly: 73% of the flagged, 38% of all at risk"}
    client.house.change(Cohort, {"issue": "payment_failing"}, over_represented=[trait])
    page = client.get(HERE).text
    assert "plan is monthly: 73% of the flagged" in page
    assert "about 2 of 5 would be told" in page
    assert "with everybody drawn this month" in page
    client.house.playbook(mode="shadow")
    assert "never, as long as it runs in the shadow" in client.get(HERE).text


def test_the_message_is_shown_in_each_language_in_a_frame_that_runs_nothing(client):
    page = client.get(HERE).text
    assert f'<iframe sandbox title="The message in en" src="{HERE}/message/en">' in page
    letter = client.get(f"{HERE}/message/de")
    assert "Wir versuchen es von selbst noch einmal." in letter.text
    assert letter.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert letter.headers["content-security-policy"].endswith("sandbox")
    assert client.get(f"{HERE}/message/fr").status_code == 404


def test_a_broken_or_missing_playbook_is_said_on_the_page(client):
    path = client.house.settings.folder / "playbooks" / "payment_failing.toml"
    path.write_text("modus = 1\n" + path.read_text())
    assert "modus" in client.get(HERE).text
    path.unlink()
    assert "There is no playbook for this issue" in client.get(HERE).text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "43210"), ("sort=probability", "01234"), ("sort=customer", "01234"), ("sort=-customer", "43210"), ("sort=days_until", "43210"),
        ("q=FAILED&sort=customer", "13"), ("q=c00002", "2"), ("low=20&high=40&sort=customer", "123"), ("q=100%25", ""),
        ("reason=the+card+runs+out&sort=customer", "024"), ("trait=billing__payment_failed__count_28d&sort=customer", "13"),
    ],
)  # fmt: skip
def test_the_table_is_sorted_and_filtered_by_its_address(client, query, expected):
    assert [name[-1] for name in customers(client.get(f"{HERE}?{query}").text)] == list(expected)


def test_those_taken_out_can_be_looked_at_alone(client):
    client.house.change(Cohort, {"issue": "payment_failing"}, trimmed=[2, 4])
    assert customers(client.get(f"{HERE}?shown=out&sort=customer").text) == ["c00001", "c00003"]
    assert customers(client.get(f"{HERE}?shown=in&sort=customer").text) == ["c00000", "c00002", "c00004"]


@pytest.mark.parametrize("sort", ["-probability", "probability", "customer", "-customer", "days_until", "-days_until"])
def test_page_after_page_shows_everybody_once(client, monkeypatch, sort):
    monkeypatch.setattr(cohort_table, "PAGE", 2)
    monkeypatch.setattr(cohort_table.rows, "__kwdefaults__", {"limit": 2})
    client.house.change(Flag, {"customer_id": "c00003"}, probability=0.5, days_until=None)
    seen, address = [], f"{HERE}?sort={sort}"
    for _ in range(4):
        page = client.get(address).text
        seen += customers(page)
        following = [line for line in page.split('href="') if "rel=\"next\"" in line[:400]]
        if not following:
            break
        address = following[0].split('"')[0].replace("&amp;", "&")
    assert sorted(seen) == [f"c0000{n}" for n in range(5)]


@pytest.mark.parametrize("query", ["sort=arm", "low=many", "low=200", "after=nothing", "after=0.5~99999999999", "shown=some", "as=exe"])
def test_a_question_that_makes_no_sense_is_answered_in_words(client, query):
    assert client.get(f"{HERE}?{query}").status_code in (404, 422)


def test_the_table_is_a_file_at_its_own_address(client):
    answer = client.get(f"{HERE}?sort=customer&low=25&as=csv")
    assert pl.read_csv(io.StringIO(answer.text))["customer_id"].to_list() == ["c00002", "c00003", "c00004"]
    assert "message" not in answer.text.splitlines()[0]
    table = pl.read_parquet(io.BytesIO(client.get(f"{HERE}?as=parquet").content))
    assert table.height == 5


def test_no_arm_is_told_while_anybody_can_trim(client):
    """The same customers were drawn for an earlier cohort; their arms are frozen, and stay hidden here."""
    house, earlier = client.house, DAY.replace(day=1)
    house.flags(*(f"c{n:05d}" for n in range(5)), day=earlier, state="expired")
    plan_day(day=earlier, now=NOW, settings=house.settings)

    asked = []
    listening = (engine(house.settings), "before_cursor_execute", lambda *each: asked.append(each[2]))
    event.listen(*listening)
    page = client.get(HERE).text + client.get(f"{HERE}?as=csv").text
    event.remove(*listening)
    assert "held out</td>" not in page.lower()
    assert not [statement for statement in asked if "assignments" in statement or "JOIN messages" in statement]


def test_once_planned_the_page_tells_what_became_of_it(client):
    client.house.change(Cohort, {"issue": "payment_failing"}, state="approved", decided_by="mia", decided_at=NOW)
    plan_day(day=DAY, now=NOW, settings=client.house.settings)
    page = client.get(HERE).text
    assert "What became of it" in page
    assert page.count("<td>held out</td>") == client.house.states()["held_out"]
    assert 'name="flag"' not in page


def test_a_replay_is_never_decided_about(client):
    client.house.change(Cohort, {"issue": "payment_failing"}, replay=True)
    page = client.get(HERE).text
    assert "There is nothing to decide" in page
    assert f'action="{HERE}' not in page.replace(f'method="get" action="{HERE}', "")


def test_a_day_without_a_cohort_is_said_to_have_none(client):
    answer = client.get("/cohorts/payment_failing/2020-01-01")
    assert answer.status_code == 404
    assert "Nobody was flagged" in answer.text


def test_a_viewer_sees_no_button(waiting):
    with browser(waiting.settings, "viewer") as client:
        page = client.get(HERE).text
    assert "Deciding takes the role reviewer; you are a viewer." in page
    assert "/approve" not in page
