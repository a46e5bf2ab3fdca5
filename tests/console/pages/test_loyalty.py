"""The loyalty pages show what was promised before what was read, and what cannot be read as large as a win."""

import re
from datetime import date, timedelta
from io import BytesIO

import polars as pl
import pytest

from core.clock import add_months
from ledger.assignments import Assignment
from ledger.brakes import pull_brake
from ledger.database import sessions
from ledger.forecasts import keep_forecasts
from loyalty.album import curve
from loyalty.reading import measure_day
from tests.console.house import add_people, browser
from tests.loyalty.past import at
from tests.loyalty.test_reading import month_of

MARCH = date(2025, 3, 3)
READ_ON = date(2025, 4, 18)


@pytest.fixture
def past(past):
    add_people(past.settings)
    return past


@pytest.fixture
def read(past):
    """March's customers were drawn, and had their month."""
    past.promises(MARCH)
    month_of(past, MARCH)
    past.write(READ_ON)
    measure_day(day=READ_ON, now=at(READ_ON + timedelta(days=1)), settings=past.settings)
    return past


def page(past, path="/loyalty/fee_shock", **more):
    with browser(past.settings, "viewer") as client:
        answer = client.get(path, **more)
    assert answer.status_code == 200, answer.text
    return answer.text


def words(html):
    """The page as it is read aloud."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_before_the_first_draw_the_page_says_when_a_first_reading_would_appear(past):
    said = words(page(past, "/loyalty"))
    assert "There is no reading yet" in said
    assert "Nobody has been drawn yet" in said
    assert re.search(r"would appear on \d+ \w+ \d{4}", said)


def test_after_the_first_draw_the_page_says_when_the_first_reading_appears(past):
    past.draws("ann", MARCH)
    past.session.commit()
    assert "the first one-month reading can appear on 3 May 2025" in words(page(past, "/loyalty"))


def test_the_promise_the_shares_the_gate_and_the_power_come_before_what_was_read(read):
    said = words(page(read))
    order = ["What was promised", "staying, 6 months after the draw", "+10.0 points or more", "Readings", "1 month", "Held out 50%",
             "Passed the gate 60 contacted, 60 held out", "Power 2", "+23.3 points", "Better"]  # fmt: skip
    places = [said.index(each) for each in order]
    assert places == sorted(places)


def test_what_cannot_be_read_stands_as_large_as_a_win_and_says_from_when(read):
    html = page(read)
    figures = re.findall(r'<p class="figure">([^<]+)</p>', html)
    assert figures == ["+23.3 points", "Not yet", "Not yet"]
    assert "No month of 1 is readable. The first is 2025-03: can be read from 2025-09-19" in words(html)


def test_a_month_too_small_to_be_read_says_that_it_cannot(past):
    past.promises(MARCH)
    month_of(past, MARCH, contact=(8, 8), held=(8, 7))
    past.write(READ_ON)
    measure_day(day=READ_ON, now=at(READ_ON), settings=past.settings)
    html = page(past)
    assert '<p class="figure">Cannot be read</p>' in html
    assert "Too few: 0 of 16 units can be compared" in words(html)


def test_each_picture_has_its_numbers_in_a_table(read):
    html = page(read)
    assert html.count("<svg") == html.count("<summary>The numbers</summary>") == 3  # none by month: no month can be read by itself
    assert not re.search(r"<svg[^>]*>.*?\sstyle=", html, re.DOTALL), "a style within a picture is refused by the policy"
    assert curve(read.settings, "fee_shock")[0] == {"weeks": 0, "arm": "contact", "still_there": 1.0, "at_risk": 60}
    assert "100.0%" in html


def test_the_reading_of_each_playbook_version_stands_by_itself(past):
    past.promises(MARCH)
    drawn = month_of(past, MARCH)
    past.session.flush()
    later = [assignment for n, assignment in enumerate(drawn) if n % 3]
    past.session.query(Assignment).where(Assignment.id.in_(later)).update({"playbook_version": "v2"})
    past.write(READ_ON)
    measure_day(day=READ_ON, now=at(READ_ON), settings=past.settings)
    said = words(page(past))
    assert "By playbook version" in said
    assert re.search(r"v2 3 Mar 2025 to 16 Mar 2025 40 40 \+\d", said)
    assert re.search(r"v1 3 Mar 2025 to 16 Mar 2025 20 20", said)


def test_a_forecast_stands_apart_and_a_withheld_one_says_why(read):
    row = {"issue": "fee_shock", "outcome": "retained", "made_in": "2030-01", "months": ["2025-03"], "n_contact": 60, "n_hold_out": 60,
           "detail": {"mature_months": 6}, "data_until": READ_ON, "made_at": at(READ_ON), "why": None, "low": None, "high": None}  # fmt: skip
    with sessions(read.settings).begin() as session:
        keep_forecasts(session, [row | {"horizon_months": 6, "state": "forecast", "effect": 0.05, "low": 0.01, "high": 0.09},
                                 row | {"horizon_months": 18, "state": "withheld", "effect": None, "why": "months disagree"}])  # fmt: skip
    html = page(read)
    box = html[html.index('<div class="forecast">'):]
    said = words(box[:box.index("</section>")])
    assert "After 6 months: +5.0 points , +1.0 points to +9.0 points" in said
    assert "After 18 months: none. Months disagree." in said


def test_a_harm_alarm_stands_on_top_and_stops_the_playbook(read):
    with sessions(read.settings).begin() as session:
        pull_brake(session, issue="fee_shock", kind="harm", reason="retained after 1 month: -0.2", now=at(READ_ON))
    assert "harm alarm" in words(page(read, "/loyalty"))
    assert "Stop" in words(page(read, "/loyalty"))
    said = words(page(read))
    assert said.index("Harm alarm, since") < said.index("Readings")


def test_what_to_do_follows_from_the_promised_reading(past):
    past.promises(MARCH, horizon_months=1, smallest_effect=0.1)
    month_of(past, MARCH)
    past.write(READ_ON)
    measure_day(day=READ_ON, now=at(READ_ON), settings=past.settings)
    assert "Keep Those contacted did better" in words(page(past, "/loyalty"))


def test_later_facts_make_revisions_that_are_listed(read):
    read.happens("2503-contact-0", "billing.left", date(2025, 3, 20), recorded_on=date(2025, 4, 20))
    read.write(date(2025, 4, 21))
    past = add_months(MARCH, 1)
    read.session.commit()
    measure_day(day=date(2025, 4, 21), now=at(past), settings=read.settings)
    rows = pl.read_parquet(BytesIO(_file(read, "/loyalty/fee_shock?as=parquet")))
    assert rows.filter(pl.col("month") == "pooled", pl.col("horizon_months") == 1, pl.col("outcome") == "retained")["revision"].to_list() == [1]


def test_every_newest_reading_is_in_the_file(read):
    rows = pl.read_parquet(BytesIO(_file(read, "/loyalty/fee_shock?as=parquet")))
    assert (rows.height, set(rows["month"]), rows["issue"].unique().to_list()) == (36, {"2025-03", "pooled"}, ["fee_shock"])
    assert _file(read, "/loyalty?as=csv").startswith(b"issue,month,horizon_months")


def test_figures_are_written_in_the_viewers_language(read):
    assert "+23,3 points" in words(page(read, headers={"accept-language": "de"}))


@pytest.mark.parametrize("path", ["/loyalty/fee_shok", "/loyalty?as=xlsx"])
def test_what_is_not_there_is_named_with_the_nearest(read, path):
    with browser(read.settings, "viewer") as client:
        answer = client.get(path)
    assert answer.status_code == 404
    assert "fee_shock" in answer.text or "csv" in answer.text


def _file(past, path):
    with browser(past.settings, "viewer") as client:
        return client.get(path).content
