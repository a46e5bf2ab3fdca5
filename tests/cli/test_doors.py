"""The verbs around the console: people, tokens, preview and the doctor's look at words and domain."""

import json

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.scheduler import Scheduler
from cli.voice import VOICE
from console.airflow import ADDRESS_ENV, PASSWORD_ENV
from core.errors import ConfigError, LedgerError
from ledger.api_tokens import token_in_force
from ledger.customers import Customer
from ledger.database import sessions
from ledger.people import whose_link
from tests.outreach.conftest import database_url, outreach_ledger  # noqa: F401 - one emptied ledger for all tests of this file
from tests.outreach.house import NOW, PLAYBOOK
from tests.outreach.name_server import NameServer
from tests.outreach.test_domain import GOOD


@pytest.fixture(autouse=True)
def _prose():
    yield
    VOICE.as_json = False


def run(*words):
    done = CliRunner().invoke(app, list(words))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def run_json(*words):
    return json.loads(run(*words, "--json").stdout)


def playbook(settings, text=PLAYBOOK):
    (settings.folder / "playbooks" / "payment_failing.toml").write_text(text.format(mode="live", holdout=0.5, more=""))


def test_an_added_person_gets_a_link_that_works(settings):
    said = run_json("people", "add", "Ada@lumen.example", "--name", "Ada", "--role", "admin")
    with sessions(settings).begin() as session:
        assert whose_link(session, said["link"].rpartition("/")[2], now=NOW).name == "Ada"
    assert said["link"].startswith("http://127.0.0.1:8090/welcome/")
    assert run_json("people", "list")["people"][0]["role"] == "admin"


def test_the_only_admin_cannot_be_locked_out(settings):
    run("people", "add", "ada@lumen.example", "--role", "admin")
    for words in (("disable", "ada@lumen.example"), ("role", "ada@lumen.example", "--role", "viewer")):
        with pytest.raises(LedgerError, match="the only admin"):
            run("people", *words)
    run("people", "add", "eve@lumen.example", "--role", "admin")
    assert "may not sign in" in run("people", "disable", "ada@lumen.example").stdout
    with pytest.raises(LedgerError, match="is disabled since"):
        run("people", "link", "ada@lumen.example")


@pytest.mark.parametrize(("words", "said"), [
    (("ad", "ada@lumen.example"), "Did you mean 'add'"),
    (("add",), "Add an e-mail address"),
    (("add", "ada"), "an e-mail address is needed, got 'ada'"),
    (("role", "ada@lumen.example"), "Known: viewer, reviewer, approver, admin"),
])  # fmt: skip
def test_what_is_not_understood_about_people_is_said(settings, words, said):
    with pytest.raises(ConfigError, match=said):
        run("people", *words)


def test_a_token_is_shown_once_and_ends_when_revoked(settings):
    made = run_json("tokens", "make", "crm", "--scope", "holdout:read")
    with sessions(settings).begin() as session:
        assert token_in_force(session, made["token"], now=NOW).name == "crm"
    listed = run("tokens", "list").stdout
    assert "crm" in listed
    assert made["token"] not in listed
    run("tokens", "revoke", "crm")
    with sessions(settings).begin() as session:
        assert token_in_force(session, made["token"], now=NOW) is None


def test_preview_shows_a_customers_own_message_and_writes_it(settings, tmp_path):
    playbook(settings)
    with sessions(settings).begin() as session:
        session.add(Customer(customer_id="c1", unit_id="c1", name="Jörg Maier", address="j@example.org", language="de-AT", consent=True,
                             updated_at=NOW))  # fmt: skip
    said = run_json("preview", "payment_failing", "--customer", "c1", "--out", str(tmp_path / "out"))
    assert said["language"] == "de"
    assert said["text"].startswith("Guten Tag Jörg,")
    assert said["findings"] == []
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"message.html", "message.txt", "message.eml", "headers.txt"}
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in (tmp_path / "out" / "headers.txt").read_text()


@pytest.mark.parametrize(("words", "said"), [
    (("payment_fail",), "Did you mean 'payment_failing'"),
    (("payment_failing", "--kind", "surve"), "Did you mean 'survey'"),
    (("payment_failing", "--kind", "survey"), "says nothing of the kind 'survey'. It has: notice"),
    (("payment_failing", "--language", "fr"), "language 'fr' does not exist"),
])  # fmt: skip
def test_what_cannot_be_previewed_is_said(settings, words, said):
    playbook(settings)
    with pytest.raises(ConfigError, match=said):
        run("preview", *words)


def checked(what):
    return next(each for each in run_json("doctor")["checks"] if each["what"] == what)


def test_the_doctor_reads_the_words_and_leaves_dns_alone_where_nothing_leaves(settings):
    playbook(settings)
    assert checked("words")["ok"]
    assert checked("domain") == {"what": "domain", "ok": True, "found": "not asked for: nothing leaves by e-mail"}


def test_the_doctor_asks_dns_where_mail_leaves_and_warns_without_a_ramp(settings):
    playbook(settings)
    path = settings.folder / "settings.toml"
    plain = path.read_text()
    with NameServer(GOOD) as server:
        path.write_text(f'{plain}\n[outreach]\nchannel = "smtp"\n[outreach.domain]\nname_server = "{server.address}"\ndkim_selectors = ["s1"]\n')
        found = checked("domain")
        assert found["ok"], found
        assert "no ramp in [outreach.warm_up]" in found["found"]
    with NameServer({}) as server:
        path.write_text(f'{plain}\n[outreach]\nchannel = "smtp"\n[outreach.domain]\nname_server = "{server.address}"\n')
        assert not checked("domain")["ok"]


def test_the_console_inside_airflow_is_told_where_airflow_answers_and_as_whom(settings):
    scheduler = Scheduler(settings, database_url="postgresql://here/ours", airflow_url="postgresql://here/airflow")
    scheduler.home.mkdir(parents=True, exist_ok=True)

    told = scheduler.environment(None)

    assert told[ADDRESS_ENV] == scheduler.url
    assert told[PASSWORD_ENV] == scheduler.password() != ""
    assert [(scheduler.home / name).stat().st_mode & 0o077 for name in ("secret", "simple_auth_manager_passwords.json.generated")] == [0, 0]
