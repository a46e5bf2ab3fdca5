"""The report is one page that stands by itself, says the same as the ledger, and names what comes next."""

import re
import shutil
import subprocess
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from console.figures import figures
from console.report import write_report
from ledger.cohorts import Cohort
from ledger.flags import Flag
from ledger.messages import Message
from ledger.models import Model
from loyalty.reading import measure_day
from tests.loyalty.past import at

MARCH = date(2025, 3, 3)
END = date(2025, 11, 30)
TRUTH = {"fee_shock": {1: -0.05, 6: -0.2}}
RUNS = [{"dag_id": "pull", "partition_key": "2025-11-30", "state": "success", "start_date": "1",
         "tasks": [{"task_id": "pull_source", "state": "success"}] * 2}]  # fmt: skip


def said(page):
    """Return what a reader reads."""
    text = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def report(settings, **facts):
    return write_report(settings, facts, now=at(END + timedelta(days=1))).read_text()


@pytest.fixture
def harm(past):
    """Sixty of each arm; of those contacted more leave. A hundred and twenty flags with their messages, one cohort waits."""
    past.promises(MARCH)
    for arm, stay in (("contact", 30), ("hold_out", 50)):
        for number in range(60):
            name = f"{arm}<{number}>"
            past.draws(name, MARCH, arm=arm)
            if number >= stay:
                past.happens(name, "billing.left", MARCH + timedelta(days=20))
    past.happens("somebody", "billing.paid", MARCH, amount=100)
    past.happens("somebody", "contacts.call", MARCH)
    session, eve = past.session, MARCH - timedelta(days=1)
    for flag in session.scalars(select(Flag)).all():
        state = "accepted" if flag.customer_id.startswith("contact") else "held_out"
        session.add(Message(key=f"k{flag.id}", flag_id=flag.id, kind="notice", issue=flag.issue, playbook_version="v1",
                            customer_id=flag.customer_id, unit_id=flag.customer_id, channel="mailbox", day=eve, state=state,
                            planned_at=at(MARCH), due_at=at(MARCH)))  # fmt: skip
    session.add(Cohort(issue="fee_shock", day=eve, size=120, state="approved", created_at=at(eve), planned_at=at(MARCH)))
    session.add(Flag(customer_id="late", issue="fee_shock", day=END, probability=0.5, reasons=[], evidence={}, detector="rule",
                     created_at=at(END)))  # fmt: skip
    session.add(Cohort(issue="fee_shock", day=END, size=1, state="waiting", created_at=at(END)))
    session.add(Model(sha="a", issue="fog", detector="learned", state="not_predictable", trained_on=END, feature_set="f",
                      scores={"skill": 0.0, "skill_low": -0.1, "skill_high": 0.1}, flag_at=0.5, created_at=at(END)))  # fmt: skip
    past.write(END)
    measure_day(day=END, now=at(END + timedelta(days=1)), settings=past.settings)
    return past.settings


def test_figures_add_up_and_are_plain(harm):
    found = figures(harm)
    issue = next(each for each in found["issues"] if each["issue"] == "fee_shock")
    assert {name: issue[name] for name in ("flags", "sent", "held_out", "waiting", "reconciles", "drawn_contact")} == {
        "flags": 121, "sent": 60, "held_out": 60, "waiting": 1, "reconciles": True, "drawn_contact": 60}  # fmt: skip
    assert found["cohorts_waiting"] == 1
    assert found["last_closed"] == END.isoformat()
    assert [source["source"] for source in found["sources"]] == ["billing", "contacts"]
    assert found["models"][0]["state"] == "not_predictable"


def test_a_harmful_reading_stands_beside_the_truth_and_says_what_to_do(harm):
    text = said(report(harm, truth=TRUTH, airflow=RUNS))
    assert "-33.3 points worse , -49.4 to -17.2 points" in text
    assert "truth -20.0 points, inside the interval" in text
    assert "60 contacted: 50.0 %" in text
    assert "power" in text
    assert "after 1 month those contacted did worse than those left alone" in text
    assert "pull_source x 2: success" in text


def test_not_yet_readable_is_as_prominent_as_a_win(harm):
    page = report(harm)
    assert re.search(r'<div class="figure">not yet readable</div>\s*<p>no month of 1 is readable.*?2026-09-06', page, re.DOTALL)
    assert page.count('<div class="figure">') == 3


def test_the_page_stands_by_itself_and_trusts_no_name(harm):
    page = report(harm, truth=TRUTH, airflow=[{**RUNS[0], "dag_id": "<script>alert(1)</script>"}])
    assert not re.search(r"https?://|src=|@import|url\(", page)
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page


def test_an_empty_company_is_told_what_comes_next(settings):
    text = said(report(settings))
    for expected in ("Nothing has been pulled yet", "No readings yet", "Nobody has been flagged yet", "No detector has been trained"):
        assert expected in text
    assert "The scheduler" not in text.split("Where everything is")[0]
    assert "not there yet: filled by beforehand send" in text


def test_places_below_the_root_are_linked_from_the_page(harm):
    harm.place("mailbox")
    page = report(harm, places={"airflow_ui": "http://127.0.0.1:8080", "data_docs": str(harm.root / "data_docs" / "index.html")})
    assert '<a href="mailbox">' in page
    assert '<a href="data_docs/index.html">' in page
    assert '<a href="http://127.0.0.1:8080">' in page


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_runs_out_of_the_page(harm, tmp_path, width):
    page = report(harm, truth=TRUTH, airflow=RUNS)
    probe = "<script>document.title = document.documentElement.scrollWidth - document.documentElement.clientWidth</script>"
    frame = tmp_path / "inner.html"
    frame.write_text(page.replace("</body>", probe + "</body>"))
    outer = tmp_path / "outer.html"  # a window has a least width, a frame has none
    outer.write_text(f'<iframe src="inner.html" style="width:{width}px;height:900px" onload="document.title = '
                     'this.contentDocument.title"></iframe>')  # fmt: skip
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom",
               "--window-size=1300,1000", outer.as_uri()]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "<title>0</title>" in dom
