"""The ledger migrates what is older, refuses what is newer, and says plainly what is wrong with an address."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from core.errors import LedgerError
from core.settings import load_settings
from ledger import database


@pytest.fixture
def empty(database_url):
    """An engine on an empty database."""
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    yield engine
    engine.dispose()


def version(engine):
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def test_the_migrations_build_exactly_the_tables(empty):
    database.migrate(empty)
    with empty.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), database.tables()) == []


def test_the_migrations_form_one_line():
    assert len(ScriptDirectory.from_config(database.config()).get_heads()) == 1


def test_every_migration_can_be_taken_back(empty):
    database.migrate(empty)
    with empty.begin() as connection:
        command.downgrade(database.config(connection), "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]


def test_an_older_database_is_migrated_on_first_use(settings, empty):
    assert version(empty) is None
    with database.sessions(settings)() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM flags")) == 0
    assert version(empty) == database.head()


def test_a_newer_database_is_refused_and_left_as_it_is(settings, empty):
    database.migrate(empty)
    with empty.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match=r"at version '9999', which this program \(at '\d+'\) does not know: a newer"):
        database.engine(settings)
    assert version(empty) == "9999"


def test_many_who_start_at_once_migrate_once(empty):
    engines = [sa.create_engine(empty.url) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(database.migrate, engines))
    for engine in engines:
        engine.dispose()
    assert version(empty) == database.head()


def test_a_migration_that_breaks_halfway_leaves_the_database_as_it_was(empty):
    with empty.begin() as connection:
        connection.execute(sa.text("CREATE TABLE verdicts (in_the_way int)"))
    with pytest.raises(LedgerError, match='could not be migrated: relation "verdicts" already exists'):
        database.migrate(empty)
    assert sa.inspect(empty).get_table_names() == ["verdicts"]


def test_an_old_postgresql_is_refused(empty, monkeypatch):
    monkeypatch.setattr(database, "OLDEST_POSTGRESQL", 99)
    with pytest.raises(LedgerError, match=r"PostgreSQL 18\.\d+ is too old\. Set DATABASE_URL to a PostgreSQL >= 99"):
        database.migrate(empty)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("postgresql://someone:secret@127.0.0.1:9/ledger", r"someone:\*\*\*@127\.0\.0\.1:9/ledger: the database does not answer"),
        ("ledger", r"DATABASE_URL: not an address\. Write it as postgresql://"),
        ("sqlite:///ledger.db", r"DATABASE_URL: 'sqlite' is not supported"),
    ],
)
def test_a_wrong_address_is_an_error_that_says_what_to_do_and_keeps_the_password(settings, monkeypatch, address, says):
    monkeypatch.setenv("DATABASE_URL", address)
    with pytest.raises(LedgerError, match=says) as caught:
        database.engine(settings)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg"])
def test_every_usual_form_of_an_address_is_understood(settings, monkeypatch, scheme):
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://me:pass%40word@db.example:5433/ledger?sslmode=require")
    monkeypatch.setenv("AIRFLOW_DATABASE_URL", f"{scheme}://me@db.example/airflow")
    assert database.database_url(settings) == "postgresql+psycopg://me:pass%40word@db.example:5433/ledger?sslmode=require"
    assert database.airflow_database_url(settings) == "postgresql+psycopg2://me@db.example/airflow"


def test_an_object_store_as_root_needs_an_address(settings, monkeypatch):
    file = settings.folder / "settings.toml"
    file.write_text(file.read_text().replace(f'root = "{settings.root}"', 'root = "s3://bucket/beforehand"'))
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(LedgerError, match=r"settings\.toml: storage\.root 's3://bucket/beforehand' is an object store.*DATABASE_URL"):
        database.database_url(load_settings(settings.folder))


def test_instants_come_back_in_utc_whatever_the_servers_zone(settings, database_url):
    with database.engine(settings).connect() as connection:
        assert connection.scalar(sa.text("SHOW timezone")) == "UTC"


def test_the_engine_is_made_once(settings):
    assert database.engine(settings) is database.engine(settings)


def test_a_forked_process_opens_connections_of_its_own(settings):
    maker = database.sessions(settings)
    backend = sa.text("SELECT pg_backend_pid()")
    with maker() as session:
        mine = session.scalar(backend)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        theirs = pool.apply(backend_pid, [settings])
    with maker() as session:
        assert session.scalar(backend) == mine
    assert theirs != mine


def backend_pid(settings):
    with database.sessions(settings)() as session:
        return session.scalar(sa.text("SELECT pg_backend_pid()"))
