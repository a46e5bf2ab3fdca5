"""Companies with people of every role: one with cohorts to decide about, one that has been operating for a while."""

import shutil
import uuid

import pytest

from bench.operating import operate
from core import settings as core_settings
from core.settings import load_settings
from ledger import database
from ledger.flags import Flag
from tests.conftest import COMPANY, _admin
from tests.console.house import add_people
from tests.outreach.house import House
from tests.outreach.test_lint import CONFIG


def _url(server, name):
    return f"postgresql+psycopg://beforehand@/{name}?host={server.sockets}&port=5432"


def _configured(folder):
    """Write the made company's configuration below `folder`, and read it."""
    for kind in ("playbooks", "issues", "sources"):
        shutil.copytree(CONFIG / kind, folder / "config" / kind)
    (folder / "config" / "settings.toml").write_text(COMPANY.format(root=folder))
    return load_settings(folder / "config")


@pytest.fixture(scope="session")
def operated(embedded_server, migrated_template, tmp_path_factory):
    """(a database, a folder, the last whole day) of a company with a past, made once, to be copied."""
    folder, name = tmp_path_factory.mktemp("operating"), f"operating_{uuid.uuid4().hex}"  # a test of pages in a browser makes it again
    _admin(embedded_server, f"CREATE DATABASE {name} TEMPLATE {migrated_template} OWNER beforehand")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", _url(embedded_server, name))
        settings = _configured(folder)
        add_people(settings)
        last = operate(settings)
        database.forget(database.database_url(settings))  # a database that somebody is in cannot be copied
    yield name, folder, last
    _admin(embedded_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def operating(operated, embedded_server, tmp_path, monkeypatch):
    """Settings of a company with a past, and its last whole day."""
    template, folder, last = operated
    name = f"t{uuid.uuid4().hex}"
    _admin(embedded_server, f"CREATE DATABASE {name} TEMPLATE {template} OWNER beforehand")
    for part in ("lake", "quarantine"):
        shutil.copytree(folder / part, tmp_path / part)
    monkeypatch.setenv("DATABASE_URL", _url(embedded_server, name))
    settings = _configured(tmp_path)
    monkeypatch.setenv(core_settings.CONFIG_ENV, str(settings.folder))
    yield settings, last
    database.forget(database.database_url(settings))
    _admin(embedded_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def house(settings):
    """A company with a live playbook, people of every role, and nobody flagged yet."""
    add_people(settings)
    return House(settings)


@pytest.fixture
def waiting(house):
    """A cohort of five that waits: c00000 to c00004, each a tenth surer than the one before."""
    house.customers(*(f"c{n:05d}" for n in range(5)))
    flags = house.flags(*(f"c{n:05d}" for n in range(5)), cohort="waiting")
    for n, flag in enumerate(flags):
        house.change(Flag, {"id": flag}, probability=0.1 * (n + 1), days_until=float(20 - n),
                     reasons=["a payment failed" if n % 2 else "the card runs out"],
                     evidence={"billing__payment_failed__count_28d" if n % 2 else "billing__card__days_left": {"value": 1.0, "usual": 0.0}})  # fmt: skip
    return house
