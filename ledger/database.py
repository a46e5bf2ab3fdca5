"""How the ledger is reached: the address, the engine, sessions, and the migrations that run on first use.

DATABASE_URL names any PostgreSQL >= 15; without it the embedded one below the storage root is held for this process's life.
"""

import os
import pkgutil
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

import ledger
from core.errors import LedgerError
from core.settings import Settings
from ledger.base import Base
from ledger.server import Server, ensure_running

OLDEST_POSTGRESQL = 15
MIGRATION_LOCK = 0x6265666F7265  # any number nobody else uses: "before"
MIGRATIONS = Path(__file__).parent / "migrations"

_engines: dict[str, Engine] = {}
_migrated: set[str] = set()


def database_url(settings: Settings) -> str:
    """Return the ledger's address for SQLAlchemy; starts the embedded server when DATABASE_URL is not set."""
    stated = os.environ.get("DATABASE_URL")
    return _with_driver(stated, "DATABASE_URL", "psycopg") if stated else _embedded(settings, "DATABASE_URL").url


def airflow_database_url(settings: Settings) -> str:
    """Return Airflow's database address for SQLAlchemy; starts the embedded server when AIRFLOW_DATABASE_URL is not set."""
    name = "AIRFLOW_DATABASE_URL"
    stated = os.environ.get(name)
    return _with_driver(stated, name, "psycopg2") if stated else _embedded(settings, name).airflow_url


def engine(settings: Settings) -> Engine:
    """Return the migrated ledger's engine, one per address and process. Raise LedgerError with the way out."""
    url = database_url(settings)
    made = _engine(url)
    if url not in _migrated:
        migrate(made)
        _migrated.add(url)
    return made


def sessions(settings: Settings) -> sessionmaker[Session]:
    """Return the maker of sessions; leaving the block of `sessions(settings).begin()` commits."""
    return sessionmaker(engine(settings), expire_on_commit=False)


def forget(url: str) -> None:
    """Close the connections to `url`; the next use opens new ones and looks at its migrations again."""
    _migrated.discard(url)
    known = _engines.pop(url, None)
    if known is not None:
        known.dispose()


def tables() -> MetaData:
    """Return every table of the ledger; each module of this package is imported, so a new table is a new file."""
    for module in pkgutil.iter_modules(ledger.__path__, "ledger."):
        if not module.ispkg:
            import_module(module.name)
    return Base.metadata


def migrate(target: Engine) -> None:
    """Bring the database to this program's version; one process does it, others wait.

    Raise LedgerError when it does not answer, is older than PostgreSQL 15, or was written by a newer program.
    """
    tables()
    name = target.url.render_as_string(hide_password=True)
    try:
        with target.begin() as connection:
            _refuse_old_postgresql(connection, name)
            if _version(connection) != head():
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
                _refuse_newer(_version(connection), name)
                command.upgrade(config(connection), "head")
    except OperationalError as error:
        reason = str(error.orig).strip()
        raise LedgerError(f"{name}: the database does not answer: {reason}. "
                          "Check DATABASE_URL; without it the embedded server is used.") from error
    except DBAPIError as error:
        raise LedgerError(f"{name}: the database could not be migrated: {str(error.orig).strip()}. "
                          "Nothing was changed. It must be empty or the ledger's own, and its role must own it.") from error


def head() -> str:
    """Return the newest migration this program knows."""
    return str(_scripts().get_current_head())


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the ledger's migrations, to be run on `connection`."""
    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return made


@lru_cache(maxsize=1)
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(config())


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(version: str | None, name: str) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if version is not None and version not in known:
        raise LedgerError(f"{name}: the database is at version {version!r}, which this program (at {head()!r}) does not "
                          "know: a newer program wrote it. Update this one, or point DATABASE_URL elsewhere.")


def _refuse_old_postgresql(connection: Connection, name: str) -> None:
    found = connection.dialect.server_version_info or (0,)
    if int(found[0]) < OLDEST_POSTGRESQL:
        raise LedgerError(f"{name}: PostgreSQL {'.'.join(map(str, found))} is too old. "
                          f"Set DATABASE_URL to a PostgreSQL >= {OLDEST_POSTGRESQL}.")


def _engine(url: str) -> Engine:
    if url not in _engines:
        address = make_url(url)
        options = f"{address.query.get('options', '')} -c timezone=UTC".strip()
        arguments: dict[str, Any] = {"options": options, "connect_timeout": 10}
        bare = address.difference_update_query(["options"])
        _engines[url] = sa.create_engine(bare, pool_pre_ping=True, connect_args=arguments)
    return _engines[url]


def _with_driver(stated: str, name: str, driver: str) -> str:
    """Accept an address in any usual form (postgres://, postgresql://) and name the driver we bring."""
    try:
        url: URL = make_url(stated)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise LedgerError(f"{name}: not an address. Write it as postgresql://user:password@host:5432/database.") from error
    if backend not in ("postgres", "postgresql"):
        raise LedgerError(f"{name}: {backend!r} is not supported. The ledger needs PostgreSQL >= {OLDEST_POSTGRESQL}.")
    return url.set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False)


def _embedded(settings: Settings, instead: str) -> Server:
    root = settings.root
    if root.protocol not in ("", "file", "local"):
        raise LedgerError(f"{settings.folder / 'settings.toml'}: storage.root {str(root)!r} is an object store, where no "
                          f"database can run. Set {instead} to a PostgreSQL >= {OLDEST_POSTGRESQL}.")
    return ensure_running(Path(root.path) / "pg")


def _forget_in_child() -> None:
    """After a fork the parent's connections stay the parent's: drop them without closing them."""
    for made in _engines.values():
        made.dispose(close=False)
    _engines.clear()


os.register_at_fork(after_in_child=_forget_in_child)
