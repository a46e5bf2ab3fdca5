"""Every hook orders once and says for certain only what is certain: to a folder, a real database, a real HTTP server."""

import hashlib
import hmac
import json
import threading
import time
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import sqlalchemy as sa

from core.errors import ConfigError
from outreach.hook import Fate, Order, hook, hooks
from outreach.hooks import webhook

NOW = datetime(2026, 4, 1, 10, tzinfo=UTC)
STATEMENT = "INSERT INTO waived (key, account, cents) VALUES (:key, :customer_id, :cents)"


def order(key="k1", **parameters):
    return Order(key, "waive_fee", "ann", "fee_shock", date(2026, 3, 31), parameters)


def carry_out(name, made, settings=None):
    return hook(name, where="test").carry_out(made, settings=settings, now=NOW)


def test_every_file_of_the_folder_is_a_hook():
    assert set(hooks()) == {"file", "sql", "webhook"}
    assert all(made.name == name for name, made in hooks().items())


def test_a_hook_that_does_not_exist_is_named():
    with pytest.raises(ConfigError, match="action.hook: hook 'webhok' does not exist. Did you mean 'webhook'"):
        hook("webhok", where="action.hook")


# ------------------------------------------------------------------------------------------------------------- file


def test_an_order_is_one_file_however_often(settings):
    answers = [carry_out("file", order(cents=500), settings) for _ in range(3)]
    (file,) = (settings.root / "actions").glob("*/*")

    assert {a.fate for a in answers} == {Fate.DONE}
    assert answers[0].receipt == "actions/2026-03-31/k1.json"
    assert json.loads(file.read_text())["parameters"] == {"cents": 500}


def test_a_disk_that_cannot_be_written_defers(settings):
    (settings.root / "actions").write_text("in the way")

    assert carry_out("file", order(), settings).fate == Fate.DEFERRED


# -------------------------------------------------------------------------------------------------------------- sql


@pytest.fixture
def billing(make_database, monkeypatch):
    """A billing system's database, where a key is waived once."""
    url = make_database()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE waived (key text PRIMARY KEY, account text, cents int CHECK (cents < 1000))"))
    monkeypatch.setenv("BILLING_URL", url)
    yield engine
    engine.dispose()


def by_sql(key="k1", statement=STATEMENT, cents=500):
    return carry_out("sql", order(key, url_env="BILLING_URL", statement=statement, cents=cents))


def waived(engine):
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT key, account, cents FROM waived ORDER BY key")).all()


def test_an_order_is_one_committed_statement(billing):
    answer = by_sql()

    assert (answer.fate, answer.receipt) == (Fate.DONE, "1 rows")
    assert waived(billing) == [("k1", "ann", 500)]


def test_a_key_that_is_there_already_is_a_doubt_and_not_a_second_row(billing):
    by_sql()

    assert by_sql().fate == Fate.UNCERTAIN
    assert len(waived(billing)) == 1


@pytest.mark.parametrize("statement", [STATEMENT.replace("waived", "wavied"), "UPDATE waived SET cents = :cents WHERE key = :key"])
def test_what_the_database_refuses_or_what_touches_nothing_is_refused(billing, statement):
    assert by_sql(statement=statement).fate == Fate.REFUSED
    assert waived(billing) == []


def test_a_database_that_is_not_there_defers(billing, monkeypatch):
    monkeypatch.setenv("BILLING_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert by_sql().fate == Fate.DEFERRED
    monkeypatch.delenv("BILLING_URL")
    assert by_sql().reason == "sql: BILLING_URL is not set"


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [("sql", {"url_env": "X"}, r"with\.statement: a text is needed, got None"),
     ("sql", {"url_env": "X", "statement": "DELETE FROM fees"}, r"with\.statement: must carry :key"),
     ("webhook", {"url": "http://billing.example", "secret_env": "S"}, r"with\.url: must begin with https://"),
     ("webhook", {"url": "https://billing.example"}, r"with\.secret_env: a text is needed")],
)  # fmt: skip
def test_parameters_that_will_not_do_are_named_when_the_playbook_is_read(name, parameters, says):
    with pytest.raises(ConfigError, match=says):
        hook(name, where="action.hook").check(parameters, where="with")


# ---------------------------------------------------------------------------------------------------------- webhook


class Billing(ThreadingHTTPServer):
    """A billing system that checks signatures, does a key once, and misbehaves on demand."""

    def __init__(self):
        self.seen, self.behave = {}, "well"
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/orders"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stamp, _, digest = self.headers["Beforehand-Signature"].removeprefix("t=").partition(",v1=")
        good = hmac.new(b"a shared secret", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        if self.server.behave == "drop":
            self.server.seen[self.headers["Idempotency-Key"]] = json.loads(body)
            self.connection.close()
            return
        if self.server.behave == "hang":
            time.sleep(1.5)
        status = self.server.behave if isinstance(self.server.behave, int) else 200 if hmac.compare_digest(digest, good) else 401
        if status == 200:
            self.server.seen[self.headers["Idempotency-Key"]] = json.loads(body)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps({"receipt": "R-17"}).encode() if status == 200 else b"no")

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("BILLING_SECRET", "a shared secret")
    monkeypatch.setattr(webhook, "TIMEOUT", 0.5)
    running = Billing()
    yield running
    running.shutdown()
    running.server_close()


def by_webhook(server, **parameters):
    return carry_out("webhook", order(url=server.url, secret_env="BILLING_SECRET", **parameters))


def test_an_order_is_signed_json_with_our_key(server):
    answer = by_webhook(server, cents=500)

    assert (answer.fate, answer.receipt) == (Fate.DONE, "R-17")
    assert server.seen["k1"]["parameters"] == {"cents": 500}, "neither the address nor the secret is told on"
    assert server.seen["k1"]["what"] == "waive_fee"


@pytest.mark.parametrize(
    ("behave", "fate"),
    [(429, Fate.DEFERRED), (503, Fate.DEFERRED), (400, Fate.REFUSED), (302, Fate.REFUSED), (500, Fate.UNCERTAIN), (502, Fate.UNCERTAIN),
     ("drop", Fate.UNCERTAIN), ("hang", Fate.UNCERTAIN)],
)  # fmt: skip
def test_what_is_not_answered_is_a_doubt_and_what_never_left_is_not(server, behave, fate):
    server.behave = behave

    assert by_webhook(server).fate == fate


def test_a_server_that_is_not_there_and_a_secret_that_is_not_set_defer(server, monkeypatch):
    gone = order(url="http://127.0.0.1:1/orders", secret_env="BILLING_SECRET")
    assert carry_out("webhook", gone).fate == Fate.DEFERRED
    monkeypatch.delenv("BILLING_SECRET")
    assert by_webhook(server).reason == "webhook: BILLING_SECRET is not set"


def test_a_wrong_secret_is_refused_by_the_other_side(server, monkeypatch):
    monkeypatch.setenv("BILLING_SECRET", "another")

    assert by_webhook(server).fate == Fate.REFUSED
    assert server.seen == {}
