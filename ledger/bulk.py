"""Bulk writes: COPY into a temporary table, then one statement; many times faster than rows through the ORM.

The temporary table lives as long as the connection and is emptied at each commit, so the catalogue does not grow.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from ledger.base import Base


def copy_once(
    session: Session, table: type[Base], columns: Sequence[str], rows: Iterable[Sequence[Any]], *, key: Sequence[str]
) -> int:
    """Insert those `rows` (values in the order of `columns`) whose `key` is not there yet; return how many are new."""
    return _copy(session, table, columns, rows, sql.SQL("ON CONFLICT ({}) DO NOTHING").format(_names(key)))


def copy_over(
    session: Session, table: type[Base], columns: Sequence[str], rows: Iterable[Sequence[Any]], *,
    key: Sequence[str], ignore: Sequence[str] = (),
) -> int:  # fmt: skip
    """Insert or replace `rows` by `key`; a row that differs only in the columns to `ignore` is left alone.

    Returns how many were new or changed.
    """
    facts = [name for name in columns if name not in (*key, *ignore)]
    sets = sql.SQL(", ").join(
        sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in columns if name not in key
    )
    old = sql.SQL(", ").join(sql.Identifier(table.__tablename__, name) for name in facts)
    new = sql.SQL(", ").join(sql.Identifier("excluded", name) for name in facts)
    conflict = sql.SQL("ON CONFLICT ({}) DO UPDATE SET {} WHERE ({}) IS DISTINCT FROM ({})")
    return _copy(session, table, columns, rows, conflict.format(_names(key), sets, old, new))


def _copy(
    session: Session, table: type[Base], columns: Sequence[str], rows: Iterable[Sequence[Any]], conflict: sql.Composed
) -> int:
    target, holder = sql.Identifier(table.__tablename__), sql.Identifier(_holder(table, columns))
    types = table.__table__.columns
    json = [n for n, name in enumerate(columns) if isinstance(types[name].type, JSONB)]
    # The driver's own cursor, so that COPY takes part in the session's transaction.
    raw: Any = session.connection().connection.driver_connection
    with raw.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} "
                               "WITH NO DATA").format(holder, _names(columns), target))
        cursor.execute(sql.SQL("TRUNCATE {}").format(holder))
        with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(holder, _names(columns))) as copy:
            for row in rows:
                copy.write_row(_with_json(row, json) if json else row)
        cursor.execute(sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} {}").format(
            target, _names(columns), _names(columns), holder, conflict))
        return int(cursor.rowcount)


def _holder(table: type[Base], columns: Sequence[str]) -> str:
    """Name the temporary table after its columns, so that two callers with different ones never share it."""
    return f"incoming_{table.__tablename__}_{crc32(','.join(columns).encode()):08x}"


def _with_json(row: Sequence[Any], places: Sequence[int]) -> list[Any]:
    values = list(row)
    for place in places:
        value = values[place]  # most are empty, and encoding those takes longer than all else
        values[place] = "{}" if value == {} else "[]" if value in ([], ()) else Jsonb(value)
    return values


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
