"""What the tests of outreach stand on: a company in a ledger of its own, and a provider on this machine."""

import uuid

import psycopg
import pytest
from sqlalchemy.engine import make_url

from ledger import database
from outreach.plan import plan_day
from outreach.send import send_due
from tests.outreach.house import DAY, NOW, House
from tests.outreach.provider import Provider


@pytest.fixture(scope="session")
def outreach_ledger(embedded_server, migrated_template):
    """One migrated database for all tests of outreach: making one takes longer than most of them."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(host=str(embedded_server.sockets), user="postgres", dbname="postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template} OWNER beforehand")
        url = f"postgresql+psycopg://beforehand@/{name}?host={embedded_server.sockets}"
        yield url
        database.forget(url)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(outreach_ledger, monkeypatch):
    """DATABASE_URL of the empty ledger: every table is emptied and counts from one."""
    address = make_url(outreach_ledger)
    tables = ", ".join(table.name for table in database.tables().sorted_tables)
    with psycopg.connect(host=address.query["host"], user=address.username, dbname=address.database) as connection:
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
    monkeypatch.setenv("DATABASE_URL", outreach_ledger)
    return outreach_ledger


@pytest.fixture
def house(settings):
    """A company with a live playbook that holds out half, and nobody in it yet."""
    return House(settings)


@pytest.fixture
def provider(monkeypatch):
    """A server that speaks SendGrid's contract and counts what it received."""
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.test")
    with Provider() as running:
        yield running


@pytest.fixture
def sent(house, provider):
    """A house with three messages that SendGrid took."""
    provider.settings(house)
    house.playbook(holdout=1e-9)
    house.crowd(3)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)
    return house
