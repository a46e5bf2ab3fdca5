"""Read rows from any database SQLAlchemy reaches, in batches, by a time column with a stated overlap."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from core.errors import ConfigError, SourceError, unknown_name
from core.settings import Settings
from feature_store.sources.configured import fill
from feature_store.sources.reader import DAY, joined, placed
from feature_store.sources.source import Lookup, Source, columns_used
from feature_store.sources.times import read_times

_ENGINES: dict[str, sa.Engine] = {}


@dataclass(frozen=True)
class Sql:
    """The reader of databases."""

    name: str = "sql"

    def check(self, source: Source) -> list[str]:
        """Ask for an address and for what to read."""
        found = []
        if (source.url is None) == (source.url_env is None):
            found.append("give either url or url_env (the name of an environment variable that holds the URL).")
        if (source.query is None) == (source.table is None):
            found.append("give either query or table.")
        if source.overlap_days and source.cursor is None:
            found.append("overlap_days needs a cursor: the time column by which rows are read.")
        return found

    def read(self, source: Source, settings: Settings, *, first: date, last: date) -> pl.DataFrame:
        """Return the rows whose cursor lies in the days wanted or the overlap before them; all rows without a cursor.

        A row is pulled for its cursor's day; one of the overlap for the last day, because nobody knows when it came.
        """
        statement = f"SELECT * FROM ({_what(source)}) AS source_rows"
        with _connected(source, settings) as connection:
            bounds = _bounds(connection, source, first, last) if source.cursor else {}
            if bounds is None:
                return joined([], source.name)
            if bounds:
                column = connection.dialect.identifier_preparer.quote(str(source.cursor))
                statement += f" WHERE {column} >= :since AND {column} < :until"
            rows = joined([frame_of(batch) for batch in _batches(connection, statement, bounds, source)], source.name)
        _check_columns(rows, source, settings)
        rows = placed(rows, source.table or "query", last)
        return _by_cursor(rows, source, first, last) if source.cursor and rows.height else rows

    def table(self, source: Source, settings: Settings, lookup: Lookup) -> pl.DataFrame:
        """Return the rows of a lookup's query."""
        with _connected(source, settings) as connection:
            return joined([frame_of(batch) for batch in _batches(connection, str(lookup.query), {}, source)], source.name)

    def signature(self, source: Source, settings: Settings) -> str | None:
        """Return None: whether a database's rows have changed is known only by reading them."""
        return None


READER = Sql()


@contextmanager
def _connected(source: Source, settings: Settings) -> Iterator[sa.Connection]:
    """Connect to a source's database; whatever fails says which source it was."""
    url = _url(source, settings)
    try:
        engine = _ENGINES.setdefault(url, sa.create_engine(url, pool_pre_ping=True))
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise SourceError(f"{source.name}: its database refused: {_first_line(error)}. Check its URL, query, table and cursor.") from error


def _url(source: Source, settings: Settings) -> str:
    if source.url_env is None:
        return fill(str(source.url), settings)
    if source.url_env not in os.environ:
        raise ConfigError(f"{settings.folder / 'sources' / source.name}.toml: url_env: the environment variable "
                          f"{source.url_env} is not set. Set it to the database's URL.")  # fmt: skip
    return os.environ[source.url_env]


def _what(source: Source) -> str:
    return source.query.strip().rstrip(";") if source.query else f"SELECT * FROM {source.table}"


def _batches(
    connection: sa.Connection, statement: str, bounds: dict[str, Any], source: Source
) -> Iterator[tuple[list[str], list[Any]]]:
    """Yield columns and rows a batch at a time, from a cursor on the server where the database has one."""
    result = connection.execution_options(yield_per=source.batch_rows).execute(sa.text(statement), bounds)
    names, empty = list(result.keys()), True
    for rows in result.partitions():
        empty = False
        yield names, list(rows)
    if empty:
        yield names, []


def frame_of(batch: tuple[list[str], list[Any]]) -> pl.DataFrame:
    """Return a batch as a frame; what is neither number, text nor time (UUID, JSON) becomes text."""
    names, rows = batch
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return pl.DataFrame([_series(name, list(values)) for name, values in zip(names, columns, strict=True)])


def _series(name: str, values: list[Any]) -> pl.Series:
    plain = (str, int, float, bool, date, datetime, time)
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if not kinds <= set(plain):
        number = {"Decimal", "int", "float"} >= {kind.__name__ for kind in kinds}
        values = [None if value is None else float(value) if number else str(value) for value in values]
    return pl.Series(name, values, strict=False)


def _bounds(connection: sa.Connection, source: Source, first: date, last: date) -> dict[str, Any] | None:
    """Return the least and greatest cursor wanted, in the column's own way of writing time; None when it is empty."""
    column = connection.dialect.identifier_preparer.quote(str(source.cursor))
    sample = f"SELECT {column} FROM ({_what(source)}) AS source_rows WHERE {column} IS NOT NULL LIMIT 1"
    like = connection.execute(sa.text(sample)).scalar()
    if like is None:
        return None
    since, until = first - timedelta(days=source.overlap_days), last + timedelta(days=1)
    return {"since": _written(since, like, source), "until": _written(until, like, source)}


def _written(day: date, like: Any, source: Source) -> Any:
    """Return 00:00 UTC of a day as the cursor's column writes times."""
    moment = datetime.combine(day, time(), UTC)
    local = moment.astimezone(ZoneInfo(source.time_zone)).replace(tzinfo=None)
    if isinstance(like, str):
        return day.isoformat() if len(like) == 10 else local.isoformat(sep=like[10:11] or "T")
    if isinstance(like, datetime):
        return moment if like.tzinfo else local
    if isinstance(like, date):
        return day
    raise ConfigError(f"{source.name}: cursor {source.cursor!r} holds {like!r}, which is no time. Name a column that says when a row changed.")


def _by_cursor(rows: pl.DataFrame, source: Source, first: date, last: date) -> pl.DataFrame:
    changed, _ = read_times(rows[str(source.cursor)], source.date_formats, source.time_zone)
    day = changed.dt.date()
    return rows.with_columns(pl.when(day.is_between(first, last)).then(day).otherwise(pl.lit(last)).alias(DAY))


def _check_columns(rows: pl.DataFrame, source: Source, settings: Settings) -> None:
    for column in sorted(columns_used(source) - set(rows.columns)):
        where = f"{settings.folder / 'sources' / source.name}.toml: {source.table or 'query'}"
        raise ConfigError(unknown_name(where, "column", column, rows.columns))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
