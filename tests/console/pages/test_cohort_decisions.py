"""One decision counts; who may decide, what may be taken back, and that Airflow is told but not needed."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import select

from console.airflow import ADDRESS_ENV, PASSWORD_ENV
from ledger.acts import Act
from ledger.cohorts import Cohort
from ledger.flags import Flag
from ledger.labels import Label
from outreach.plan import plan_approved, plan_day
from outreach.send import send_due
from tests.console.house import browser, csrf_of
from tests.outreach.house import DAY, NOW

HERE = f"/cohorts/payment_failing/{DAY}"


def say(client, verdict, seen=0, **form):
    return client.post(f"{HERE}/{verdict}", data={"csrf": csrf_of(client), "seen": seen} | form)


def cohort_of(house):
    with house.open() as session:
        return session.get(Cohort, ("payment_failing", DAY))


def acts(house):
    with house.open() as session:
        return [(a.actor, a.act) for a in session.scalars(select(Act).where(Act.act != "mode").order_by(Act.id))]


def flags(house):
    with house.open() as session:
        return {f.customer_id: f for f in session.scalars(select(Flag))}


def test_an_approver_approves_and_it_counts_without_airflow(waiting):
    with browser(waiting.settings, "approver") as client:
        answer = say(client, "approve", note="looks right")
        page = client.get(HERE).text

    assert (answer.status_code, answer.headers["location"]) == (303, HERE)
    assert "approver@lumen.example</strong> approved it" in page
    assert "The next run of <code>send</code> takes it up" in page
    assert plan_approved(now=NOW, settings=waiting.settings)["cohorts"] == 1
    assert acts(waiting) == [("approver@lumen.example", "approve")]


@pytest.mark.parametrize(("role", "verdict", "status"), [("viewer", "hold", 403), ("reviewer", "hold", 303), ("reviewer", "approve", 403)])
def test_deciding_takes_the_role(waiting, role, verdict, status):
    with browser(waiting.settings, role) as client:
        assert say(client, verdict).status_code == status


def test_two_who_approve_at_once_give_one_decision_and_a_clear_word_to_the_other(waiting):
    with ExitStack() as stack:
        clients = [stack.enter_context(browser(waiting.settings, role)) for role in ("approver", "admin")]
        marks = [csrf_of(client) for client in clients]
        together = threading.Barrier(2)

        def decide(client, mark, verdict):
            together.wait()
            return client.post(f"{HERE}/{verdict}", data={"csrf": mark, "seen": 0, "note": verdict})

        with ThreadPoolExecutor(2) as pool:
            answers = [each.result() for each in [pool.submit(decide, *each) for each in zip(clients, marks, ("approve", "reject"), strict=True)]]

    assert sorted(answer.status_code for answer in answers) == [303, 409]
    loser = next(answer for answer in answers if answer.status_code == 409)
    found = cohort_of(waiting)
    assert "Somebody was quicker" in loser.text
    assert f"{found.decided_by} {'approved' if found.state == 'approved' else 'rejected'} it at" in loser.text
    assert len(acts(waiting)) == 1
    assert found.revision == 1


def test_many_races_leave_one_act_each(waiting):
    with browser(waiting.settings, "approver") as client:
        mark = csrf_of(client)
        for seen in range(0, 12, 2):
            together = threading.Barrier(4)

            def decide(verdict, seen=seen, together=together):
                together.wait()
                return client.post(f"{HERE}/{verdict}", data={"csrf": mark, "seen": seen}).status_code

            with ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(decide, ("approve", "hold", "approve", "hold")))
            assert sorted(answers) == [303, 409, 409, 409]
            assert say(client, "reopen", seen=seen + 1).status_code == 303
    assert cohort_of(waiting).revision == 12
    assert len(acts(waiting)) == 12


def test_a_decision_on_a_page_that_is_no_longer_true_is_refused_with_who_was_quicker(waiting):
    with browser(waiting.settings, "reviewer") as quick, browser(waiting.settings, "approver") as slow:
        say(quick, "hold")
        answer = say(slow, "approve")

    assert answer.status_code == 409
    assert "reviewer@lumen.example held it at" in answer.text
    assert "Nothing of yours was written" in answer.text
    assert cohort_of(waiting).state == "held"


def test_above_the_line_it_takes_two_different_people(waiting):
    settings = waiting.configure("[review]\nfour_eyes_above = 4")
    with browser(settings, "approver") as first, browser(settings, "admin") as second:
        say(first, "approve")
        assert cohort_of(waiting).state == "waiting"
        assert "approver@lumen.example</strong> approved it" in first.get(HERE).text
        assert plan_approved(now=NOW, settings=settings)["cohorts"] == 0
        say(first, "approve", seen=1)
        assert cohort_of(waiting).state == "waiting"
        say(second, "approve", seen=1)

    found = cohort_of(waiting)
    assert (found.state, found.first_approved_by, found.decided_by) == ("approved", "approver@lumen.example", "admin@lumen.example")
    assert [act for _, act in acts(waiting)] == ["first_approve", "approve"]


def test_trimmed_below_the_line_one_person_is_enough_and_putting_back_asks_anew(waiting):
    settings = waiting.configure("[review]\nfour_eyes_above = 4")
    with browser(settings, "approver") as client:
        say(client, "trim", which="marked", flag=flags(waiting)["c00000"].id)
        say(client, "approve", seen=1)
        assert cohort_of(waiting).state == "approved"
        say(client, "restore", seen=2, which="marked", flag=flags(waiting)["c00000"].id)

    assert (cohort_of(waiting).state, cohort_of(waiting).first_approved_by) == ("waiting", None)


def test_trimming_by_filter_takes_out_all_that_fit_on_every_page_and_comes_back_to_the_filter(waiting):
    with browser(waiting.settings, "reviewer") as client:
        answer = say(client, "trim", which="filter", high="25", because="already_known", note="they wrote to us")

    known = {flags(waiting)[name].id for name in ("c00000", "c00001")}
    assert answer.headers["location"] == f"{HERE}?high=25#customers"
    assert set(cohort_of(waiting).trimmed) == known
    with waiting.open() as session:
        said = session.execute(select(Label.flag_id, Label.label, Label.said_by)).all()
    assert set(said) == {(flag, "already_known", "reviewer@lumen.example") for flag in known}


def test_putting_back_takes_the_word_back_too(waiting):
    flag = flags(waiting)["c00003"].id
    with browser(waiting.settings, "reviewer") as client:
        say(client, "trim", which="marked", flag=flag, because="not_trouble")
        assert "taken out: not trouble" in client.get(HERE).text
        say(client, "restore", seen=1, which="marked", flag=flag)

    assert cohort_of(waiting).trimmed == []
    assert waiting.count(Label) == 0


def test_marking_nobody_is_said(waiting):
    with browser(waiting.settings, "reviewer") as client:
        answer = say(client, "trim", which="marked")
    assert answer.status_code == 409
    assert "nobody is marked" in answer.text


def test_a_rejection_closes_the_flags_teaches_the_detector_and_can_be_taken_back(waiting):
    with browser(waiting.settings, "reviewer") as client:
        say(client, "reject", because="not_trouble", note="a test release")
        assert {f.state for f in flags(waiting).values()} == {"rejected"}
        assert waiting.count(Label) == 5
        say(client, "reopen", seen=1)

    assert (cohort_of(waiting).state, waiting.count(Label)) == ("waiting", 0)
    assert {f.state for f in flags(waiting).values()} == {"open"}


def test_a_customer_flagged_anew_since_keeps_the_newer_flag(waiting):
    with browser(waiting.settings, "reviewer") as client:
        say(client, "reject")
        waiting.add(Flag(customer_id="c00000", issue="payment_failing", day=NOW.date(), probability=0.5, reasons=[], evidence={}, detector="rule",
                         created_at=NOW))  # fmt: skip
        say(client, "reopen", seen=1)

    with waiting.open() as session:
        assert session.scalar(select(Flag.state).where(Flag.customer_id == "c00000", Flag.day == DAY)) == "rejected"


def test_once_planned_it_stands_and_the_page_says_so(waiting):
    with browser(waiting.settings, "approver") as client:
        say(client, "approve")
        plan_day(day=DAY, now=NOW, settings=waiting.settings)
        answer = say(client, "reopen", seen=1)
    assert answer.status_code == 409
    assert "planned at" in answer.text


def test_a_planned_cohort_is_called_back_until_its_first_claim(waiting):
    with browser(waiting.settings, "approver") as client:
        say(client, "approve")
        plan_day(day=DAY, now=NOW, settings=waiting.settings)
        planned = waiting.states()["planned"]
        assert "Call it back" in client.get(HERE).text
        assert say(client, "recall", note="wrong words").status_code == 303

    assert planned > 0
    assert (waiting.states()["planned"], waiting.states()["suppressed"]) == (0, planned)
    assert send_due(now=NOW, settings=waiting.settings).get("accepted", 0) == 0
    assert acts(waiting)[-1] == ("approver@lumen.example", "recall")


def test_after_the_first_claim_nothing_is_called_back(waiting):
    with browser(waiting.settings, "approver") as client:
        say(client, "approve")
        plan_day(day=DAY, now=NOW, settings=waiting.settings)
        send_due(now=NOW, settings=waiting.settings)
        before = waiting.states()
        answer = say(client, "recall")
    assert answer.status_code == 409
    assert "were claimed for sending" in answer.text
    assert waiting.states() == before


class Airflow(BaseHTTPRequestHandler):
    """Answers as Airflow's API does, to one user."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body, self.headers.get("authorization")))
        answer = {"/auth/token": {"access_token": "let me in"}, "/api/v2/dags/send/dagRuns": {"dag_run_id": "manual__1"}}[self.path]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def airflow():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Airflow)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_airflow_is_told_of_an_approval_at_once(waiting, monkeypatch):
    monkeypatch.setenv(PASSWORD_ENV, "secret")
    with airflow() as server:
        settings = waiting.configure(f'[console]\nairflow = "http://127.0.0.1:{server.server_port}/"')
        with browser(settings, "approver") as client:
            say(client, "approve")
            page = client.get(f"{HERE}/taken-up").text

    assert [path for path, _, _ in server.asked] == ["/auth/token", "/api/v2/dags/send/dagRuns"]
    assert server.asked[0][1] == {"username": "admin", "password": "secret"}
    assert server.asked[1][1:] == ({"logical_date": None}, "Bearer let me in")
    assert "Airflow took it up" in page


def test_an_airflow_that_started_the_console_is_told_without_a_word_in_the_settings(waiting, monkeypatch):
    monkeypatch.setenv(PASSWORD_ENV, "secret")
    with airflow() as server, browser(waiting.settings, "approver") as client:
        monkeypatch.setenv(ADDRESS_ENV, f"http://127.0.0.1:{server.server_port}")
        say(client, "approve")

    assert [path for path, _, _ in server.asked] == ["/auth/token", "/api/v2/dags/send/dagRuns"]


def test_an_airflow_that_does_not_answer_is_said_and_the_decision_stands(waiting, caplog):
    settings = waiting.configure('[console]\nairflow = "http://127.0.0.1:9"')
    with browser(settings, "approver") as client:
        assert say(client, "approve").status_code == 303
        page = client.get(HERE).text

    assert "Airflow did not answer; the decision stands and the next run takes it up" in page
    assert "Airflow did not answer" in caplog.text
    assert plan_approved(now=NOW, settings=settings)["cohorts"] == 1


def test_a_hold_tells_airflow_nothing(waiting):
    with airflow() as server:
        settings = waiting.configure(f'[console]\nairflow = "http://127.0.0.1:{server.server_port}"')
        with browser(settings, "approver") as client:
            say(client, "hold")
    assert server.asked == []
