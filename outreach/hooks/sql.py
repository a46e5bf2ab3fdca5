"""Orders as one SQL statement in the billing system's own database, committed before it counts as done.

`url_env` names the environment variable with the database's address, `statement` has :key, :customer_id, :what, :issue and
:day and any other parameter. Give the key a unique column there and one key is done once, whatever happens in between.
"""

import os
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from core.errors import ConfigError
from core.settings import Settings
from outreach.hook import Answer, Fate, Order, needs

OWN = ("url_env", "statement")


class Sql:
    """Runs the statement in a transaction of its own."""

    name = "sql"
    past_too = False

    def check(self, parameters: Mapping[str, Any], *, where: str) -> None:
        """Raise ConfigError where address or statement is missing, or the statement does not carry our key."""
        needs(parameters, OWN, where=where)
        if not re.search(r":key\b", parameters["statement"]):
            raise ConfigError(f"{where}.statement: must carry :key, so that the other side knows one order from another, "
                              f"got {parameters['statement']!r}. Known: :key, :customer_id, :what, :issue, :day.")

    def carry_out(self, order: Order, *, settings: Settings, now: datetime) -> Answer:
        """Run the statement once: an error before the commit is certain, one during it is a doubt."""
        values = {"key": order.key, "customer_id": order.customer_id, "what": order.what, "issue": order.issue, "day": order.day}
        values |= {name: value for name, value in order.parameters.items() if name not in OWN}
        url = os.environ.get(order.parameters["url_env"])
        if not url:
            return Answer(Fate.DEFERRED, reason=f"sql: {order.parameters['url_env']} is not set")
        try:
            connection = _engine(url).connect()
        except (OperationalError, SQLAlchemyError) as error:
            return Answer(Fate.DEFERRED, reason=f"sql: {_first_line(error)}")
        with connection:
            return _run(connection, sa.text(order.parameters["statement"]), values)


def _run(connection: sa.Connection, statement: sa.TextClause, values: dict[str, Any]) -> Answer:
    try:
        touched = connection.execute(statement, {name: values[name] for name in statement.compile().params}).rowcount
    except IntegrityError as error:
        connection.rollback()
        return Answer(Fate.UNCERTAIN, reason=f"sql: the key may be there already: {_first_line(error)}")
    except (DBAPIError, KeyError) as error:
        return Answer(Fate.REFUSED, reason=f"sql: {_first_line(error)}")
    if touched == 0:
        connection.rollback()
        return Answer(Fate.REFUSED, reason="sql: the statement touched no row")
    try:
        connection.commit()
    except DBAPIError as error:
        return Answer(Fate.UNCERTAIN, reason=f"sql: while committing: {_first_line(error)}")
    return Answer(Fate.DONE, receipt=f"{touched} rows")


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


@lru_cache(maxsize=8)
def _engine(url: str) -> sa.Engine:
    return sa.create_engine(url, pool_pre_ping=True)


HOOK = Sql()
