"""What every ledger table shares: a base, UTC instants, and the one way to add rows at most once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, MetaData
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import DeclarativeBase, Session

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Parent of every ledger table; instants carry their zone, dictionaries and lists are JSONB."""

    metadata = MetaData(naming_convention=CONVENTION)
    type_annotation_map = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB, list[Any]: JSONB}  # noqa: RUF012


def add_once(session: Session, table: type[Base], rows: Sequence[dict[str, Any]], *, key: Sequence[str]) -> int:
    """Insert those `rows` whose `key` is not there yet; return how many are new."""
    new = 0
    for start in range(0, len(rows), 1000):
        statement = insert(table).values(list(rows[start : start + 1000])).on_conflict_do_nothing(index_elements=key)
        new += len(session.execute(statement.returning(*(getattr(table, name) for name in key))).all())
    return new
