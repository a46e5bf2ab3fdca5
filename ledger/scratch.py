"""Tables of one's own for what a backtest writes: flags, cohorts, models and days, in a schema that is gone afterwards.

Everything else (messages, assignments, what people said) is read where it is. So the very code that trains and flags runs
on past days, and the ledger is not touched.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from core.errors import LedgerError
from core.settings import Settings
from ledger import database

WRITTEN = ("flags", "cohorts", "models", "days", "watches", "missed", "brakes")


@contextmanager
def scratch(settings: Settings) -> Iterator[str]:
    """Within the block, sessions of this process write to empty tables of a new schema; yield its name, drop it at the end.

    Raise LedgerError when the role may not create a schema.
    """
    engine, stated, name = database.engine(settings), os.environ.get("DATABASE_URL"), f"scratch_{uuid4().hex[:12]}"
    address = make_url(database.database_url(settings))
    options = f"{address.query.get('options', '')} -csearch_path={name},{sa.inspect(engine).default_schema_name}".strip()
    url = address.update_query_dict({"options": options}).render_as_string(hide_password=False)
    _make(engine, name)
    os.environ["DATABASE_URL"] = url
    try:
        yield name
    finally:
        database.forget(url)
        if stated is None:
            del os.environ["DATABASE_URL"]
        else:
            os.environ["DATABASE_URL"] = stated
        with engine.begin() as connection:
            connection.execute(sa.text(f"DROP SCHEMA {name} CASCADE"))


def _make(engine: sa.Engine, name: str) -> None:
    known = sa.inspect(engine)
    there, home = set(known.get_table_names()), known.default_schema_name
    try:
        with engine.begin() as connection:
            connection.execute(sa.text(f"CREATE SCHEMA {name}"))
            for table in (table for table in WRITTEN if table in there):
                connection.execute(sa.text(f"CREATE TABLE {name}.{table} (LIKE {home}.{table} INCLUDING ALL)"))
    except ProgrammingError as error:
        raise LedgerError(f"backtest: the ledger's role may not create a schema: {str(error.orig).strip()}. "
                          "GRANT CREATE ON DATABASE to it.") from error
