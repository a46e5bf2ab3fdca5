"""The pages of the data and the models: how fresh, how sound, what waits in quarantine, how right, and that Airflow may be silent."""

import json
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from sqlalchemy import select

from console import source_facts
from feature_store import release
from ledger.acts import Act
from ledger.database import sessions
from ledger.models import Model
from tests.console.house import browser, csrf_of


@pytest.fixture
def day(operating):
    return operating[1] - timedelta(days=2)


def acts(settings, act):
    with sessions(settings)() as session:
        return session.scalars(select(Act).where(Act.act == act)).all()


def test_each_source_says_until_when_it_is_closed_and_what_became_of_its_rows(operating):
    settings, _ = operating
    with browser(settings, "viewer") as client:
        page = client.get("/data").text
        table = client.get("/data?as=csv").text
    billing = page.partition('<th scope="row">billing</th>')[2].partition("</tr>")[0]
    assert "41,000" in billing
    assert "late" not in billing
    assert '<a href="/data/quarantine/billing">3</a>' in billing
    assert "telemetry" in table


def test_a_source_that_was_not_closed_yesterday_is_late(operating, monkeypatch):
    settings, last = operating
    monkeypatch.setattr("console.pages.data.clock.last_whole_day", lambda moment: last + timedelta(days=2))
    with browser(settings, "viewer") as client:
        assert "2 days late" in client.get("/data").text


def test_rows_in_quarantine_are_shown_with_the_reason_and_what_they_held_to_those_who_decide(operating, day):
    settings, _ = operating
    with browser(settings, "reviewer") as client:
        assert str(day) in client.get("/data/quarantine/billing").text
        page = client.get(f"/data/quarantine/billing/{day}").text
        assert "812000" in page
        assert "Release 2 rows" not in page
    with browser(settings, "viewer") as client:
        page = client.get(f"/data/quarantine/billing/{day}").text
        assert "812000" not in page
        assert "original" not in client.get(f"/data/quarantine/billing/{day}?as=csv").text


def test_an_approver_lets_rows_out_with_a_note_and_only_those_that_can_be(operating, day):
    settings, _ = operating
    reasons = release.rows(settings, "billing", day)["reason"].unique().to_list()
    with browser(settings, "approver") as client:
        for reason in reasons:
            said = {"csrf": csrf_of(client), "reason": reason, "note": "A big customer paid a year ahead"}
            answer = client.post(f"/data/quarantine/billing/{day}/release", data=said)
            assert answer.status_code == (303 if reason.startswith("breaks") else 422)
        page = client.get(f"/data/quarantine/billing/{day}").text
    assert "Released: the next pull lets them in" in page
    assert release.waiting(settings, "billing") == [day]
    (act,) = acts(settings, "release")
    assert (act.actor, act.detail["rows"], act.subject) == ("approver@lumen.example", 2, f"quarantine billing {day}")


def test_models_in_use_tell_live_precision_and_alarms(operating):
    settings, _ = operating
    with browser(settings, "viewer") as client:
        page = client.get("/data").text
        one = client.get("/data/models/app_trouble").text
    assert "43% claimed" in page
    assert "population stability index 0.31" in page
    assert "how often it was right" in one
    assert "was in use" in one
    assert "Go back to the one before" not in one


def test_an_approver_rolls_a_model_back(operating):
    settings, _ = operating
    with browser(settings, "approver") as client:
        assert "Go back to the one before" in client.get("/data/models/payment_failing").text
        said = {"csrf": csrf_of(client), "detector": "lightgbm"}
        answer = client.post("/data/models/payment_failing/rollback", data=said)
        assert answer.status_code == 303, answer.text
        twice = client.post("/data/models/payment_failing/rollback", data=said)
        unknown = client.post("/data/models/payment_failing/rollback", data=said | {"detector": "lightgmb"})
    assert (twice.status_code, unknown.status_code) == (409, 422)
    with sessions(settings)() as session:
        states = dict(session.execute(select(Model.sha, Model.state).where(Model.issue == "payment_failing")).all())
    assert sorted(states.values()) == ["challenger", "champion", "rolled_back"]
    assert [act.actor for act in acts(settings, "rollback")] == ["approver@lumen.example"]


# ------------------------------------------------------------------------------------------------------- Airflow


@pytest.fixture
def airflow(operating, monkeypatch):
    """A server that answers as Airflow's REST API does, and the settings that name it."""
    asked = []

    class Api(BaseHTTPRequestHandler):
        def do_POST(self):
            known = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.say({"access_token": "t1"} if known == {"username": "ann", "password": "secret"} else None, 201)

        def do_GET(self):
            asked.append((self.path, self.headers["authorization"]))
            runs = [{"dag_run_id": "r2", "partition_key": "2026-03-31", "state": "failed", "start_date": "2026-04-01T02:00:00Z", "end_date": None}]
            told = {"dag_runs": runs} if "dagRuns" in self.path else {"is_paused": "send" in self.path}
            self.say(told if self.headers["authorization"] == "Bearer t1" else None, 200)

        def say(self, told, status):
            self.send_response(status if told else 401)
            self.end_headers()
            self.wfile.write(json.dumps(told or {}).encode())

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, daemon=True).start()
    settings = operating[0]
    known = settings.console.model_copy(update={"airflow": f"http://127.0.0.1:{server.server_port}", "airflow_user": "ann"})
    monkeypatch.setenv("BEFOREHAND_AIRFLOW_PASSWORD", "secret")
    yield settings.model_copy(update={"console": known}), server, asked
    server.shutdown()
    server.server_close()


def ask(settings):
    with browser(settings, "viewer") as client:
        answer = client.get("/data/airflow", headers={"hx-request": "true"})
    assert answer.status_code == 200
    return answer.text


def test_airflows_runs_are_shown_with_their_days_and_states(airflow):
    settings, _, asked = airflow
    page = ask(settings)
    assert '<span class="badge alarm">failed</span></td><td>2026-03-31</td>' in page
    assert page.count("paused") == 1
    assert {token for _, token in asked} == {"Bearer t1"}


def test_airflow_that_does_not_answer_is_a_sentence_and_the_ledgers_days_stay(airflow):
    settings, server, _ = airflow
    server.shutdown()
    server.server_close()
    page = ask(settings)
    assert "does not answer" in page
    with browser(settings, "viewer") as client:
        assert "The day&#39;s steps" in client.get("/data").text or "The day's steps" in client.get("/data").text


def test_airflow_that_knows_nobody_says_whom_it_wants_to_know(airflow, monkeypatch):
    settings, *_ = airflow
    monkeypatch.setenv("BEFOREHAND_AIRFLOW_PASSWORD", "wrong")
    assert "answered 401 to /auth/token" in ask(settings)
    monkeypatch.delenv("BEFOREHAND_AIRFLOW_PASSWORD")
    assert "airflow_user in settings.toml and BEFOREHAND_AIRFLOW_PASSWORD" in ask(settings)


def test_where_airflow_is_not_stated_nothing_is_asked(operating):
    assert "[console] airflow" in ask(operating[0])


# ---------------------------------------------------------------------------------------------------- Data Docs


def test_data_docs_are_linked_once_they_were_written_and_nothing_beside_them_is_read(operating):
    settings, _ = operating
    with browser(settings, "viewer") as client:
        assert "/data/docs/index.html" not in client.get("/data").text
        assert client.get("/data/docs/index.html").status_code == 404
        (settings.place("data_docs") / "index.html").write_text("<h1>What was checked</h1>")
        source_facts.forget(settings)
        assert "/data/docs/index.html" in client.get("/data").text
        page = client.get("/data/docs/index.html")
        assert "What was checked" in page.text
        assert "sandbox" in page.headers["content-security-policy"]
        for path in ("/data/docs/../config/settings.toml", "/data/docs/%2e%2e/config/settings.toml", "/data/docs//etc/hosts.html"):
            assert client.get(path).status_code == 404
