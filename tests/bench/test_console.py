"""The console's bench fills a ledger, finds every page, opens it, and ends with one line of JSON."""

import json
from datetime import date

import pytest
from sqlalchemy import func, select, text

from bench.console.__main__ import main, show
from bench.console.explain import plan, slowest
from bench.console.ledger import DAYS, ISSUES, Size, fill
from bench.console.pages import Page, pages, subjects
from bench.console.readers import Tally
from console.app import create_app
from ledger import database
from ledger.flags import Flag
from tests.console.house import add_people, browser

SIZE = Size(customers=3_000, flags=600, last=date(2026, 3, 31))


@pytest.fixture
def filled(settings):
    return settings, fill(database.engine(settings), SIZE)


def test_the_ledger_has_the_size_asked_for_and_hangs_together(filled, session):
    _, made = filled
    assert (made["customers"], made["flags"]) == (3_000, 600)
    assert sum(made.values()) > 10 * 600
    largest = session.execute(text("SELECT issue, size, state FROM cohorts ORDER BY size DESC LIMIT 1")).one()
    assert tuple(largest) == (ISSUES[0], SIZE.biggest, "waiting")
    assert session.scalar(select(func.count(Flag.day.distinct()))) <= DAYS + 1
    assert session.scalar(text("SELECT nextval(pg_get_serial_sequence('flags', 'id'))")) > session.scalar(select(func.max(Flag.id)))


def test_every_page_found_opens_for_a_real_flag(filled, session):
    settings, _ = filled
    add_people(settings)
    about = subjects(session, settings, 3)
    with browser(settings, "admin") as client:
        found, _ = pages(client.app)
        opened = {page.name: client.get(page.address(about[0])).status_code for page in found if not page.token and not page.field}
    assert opened["/"] == 200
    assert all(status < 500 for status in opened.values()), opened


def test_a_page_the_application_does_not_have_is_named(settings, monkeypatch):
    monkeypatch.setattr("bench.console.pages.KNOWN", ("/", "/of/the/future"))
    assert "/of/the/future: the application has no such page" in pages(create_app(settings))[1]


def test_the_table_has_medians_and_95th_percentiles(capsys):
    tally = Tally()
    tally.took["/"] = [float(n) for n in range(1, 101)]
    assert show(tally) == {"/": {"p50_ms": 50.5, "p95_ms": 95.0}}


def test_the_slowest_statement_of_a_page_is_explained(filled):
    settings, _ = filled
    add_people(settings)
    with browser(settings, "viewer") as client:
        heard, whole_ms = slowest(database.engine(settings), lambda: client.get(Page("/", "/").address({})))
    assert whole_ms > heard[0].took_ms >= heard[-1].took_ms
    assert "Execution Time" in plan(database.engine(settings), heard[0])


@pytest.mark.slow
def test_the_whole_bench_ends_with_its_line(capfd):
    measured = main(["--customers", "3000", "--seconds", "8", "--readers", "3"])
    line = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert line == measured
    assert "/" in line["pages"]
    assert line["worst_p95_ms"] == max(page["p95_ms"] for page in line["pages"].values())
