"""What every test stands on: one embedded PostgreSQL a test process, a fresh migrated database and a company a test."""

import os
import shutil
import tempfile
import uuid
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from core import settings as core_settings
from ledger import database
from ledger.server import hold

COMPANY = """
[company]
name = "Lumen Broadband"
from_address = "care@lumen.example"
reply_to = "help@lumen.example"
postal_address = "1 Harbour Street, 20457 Hamburg"
website = "https://lumen.example"

[storage]
root = "{root}"
"""


def _chromium() -> bool:
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))


def _java() -> bool:
    return shutil.which("java") is not None


def _data(name: str) -> bool:
    return (data_folder() / name).is_dir()


def data_folder() -> Path:
    """Return the folder of the public data sets: BEFOREHAND_DATA, or the one beside the repository."""
    return Path(os.environ.get("BEFOREHAND_DATA", Path(__file__).parents[1].parent / "shared" / "data"))


# ------------------------------------------------------------------------------------- what a machine may not have


def _missing(need: str) -> str | None:
    """Return how to get what `need` names, or None where it is there."""
    kind, _, name = need.partition(":")
    found, how = {
        "chromium": (_chromium, "install Debian's chromium"),
        "java": (_java, "install Debian's default-jre-headless (17 or newer)"),
        "spark": (lambda: find_spec("pyspark"), "make setup-dev WITH=spark"),
        "duckdb": (lambda: find_spec("duckdb"), "make setup-dev WITH=bench"),
        "data": (lambda: _data(name), "put the data set's folder where BEFOREHAND_DATA points"),
    }[kind]
    return None if found() else how


def _required(need: str) -> bool:
    asked = {name.strip() for name in os.environ.get("REQUIRE", "").split(",")}
    return bool({"all", need, need.partition(":")[0]} & asked)


def pytest_runtest_setup(item):
    for marker in item.iter_markers("needs"):
        for need in marker.args:
            how = _missing(need)
            if how and _required(need):
                pytest.fail(f"{need} is required here (REQUIRE) and missing: {how}.", pytrace=False)
            if how:
                pytest.skip(f"not run here: {need}: {how}")


def pytest_terminal_summary(terminalreporter):
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])
                      if isinstance(report.longrepr, tuple))
    for reason, n in sorted(reasons.items()):
        what, _, how = reason.removeprefix("Skipped: not run here: ").partition(": ")
        terminalreporter.write_line(f"not run here: {what} ({n} test{'s' * (n > 1)}): {how}", yellow=True)


# ----------------------------------------------------------------------------------------------------- the ledger


@pytest.fixture(scope="session")
def embedded_server():
    """One embedded PostgreSQL for all tests of this process, in a folder of its own, gone at the end."""
    folder = tempfile.mkdtemp(prefix="beforehand-tests-")  # pytest's own folders may not be entered by another user
    try:
        with hold(Path(folder) / "pg") as server:
            for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
                _admin(server, statement)  # nothing here must outlive a power cut
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _admin(server, statement):
    with psycopg.connect(host=str(server.sockets), port=5432, user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(scope="session")
def migrated_template(embedded_server):
    """The name of a migrated database that each test's own is copied from."""
    engine = sa.create_engine(embedded_server.url)
    database.migrate(engine)
    engine.dispose()
    return "beforehand"


@pytest.fixture
def make_database(embedded_server, migrated_template):
    """A maker of fresh, migrated databases; each call returns the address of a new one, dropped after the test."""
    made = {}

    def make():
        name = f"t{uuid.uuid4().hex}"
        _admin(embedded_server, f"CREATE DATABASE {name} TEMPLATE {migrated_template} OWNER beforehand")
        url = f"postgresql+psycopg://beforehand@/{name}?host={embedded_server.sockets}&port=5432"
        made[name] = url
        return url

    yield make
    for name, url in made.items():
        database.forget(url)
        _admin(embedded_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(make_database, monkeypatch):
    """DATABASE_URL of a fresh, migrated database of this test alone."""
    url = make_database()
    monkeypatch.setenv("DATABASE_URL", url)
    return url


@pytest.fixture
def settings(tmp_path, database_url, monkeypatch):
    """Settings of a made company: storage in tmp_path, configuration in tmp_path/config, a ledger of its own."""
    folder = tmp_path / "config"
    for kind in ("sources", "issues", "playbooks"):
        (folder / kind).mkdir(parents=True)
    (folder / "settings.toml").write_text(COMPANY.format(root=tmp_path))
    monkeypatch.setenv(core_settings.CONFIG_ENV, str(folder))
    return core_settings.load_settings(folder)


@pytest.fixture
def session(settings):
    """An open session on the test's ledger; commit what others should see."""
    with database.sessions(settings)() as opened:
        yield opened
