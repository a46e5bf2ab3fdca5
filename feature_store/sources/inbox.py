"""Read what other systems posted to the console's API: rows of the ledger's inbox, each known since the moment we received it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from core.clock import moment_after
from core.errors import ConfigError, SourceError, unknown_name
from core.settings import Settings
from feature_store.sources.reader import DAY, ROW, joined, placed
from feature_store.sources.source import Lookup, Source, columns_used
from feature_store.sources.sql import frame_of
from ledger import database
from ledger.inbox import KINDS, InboxRow

RECORDED = "recorded_at"  # our own clock's, so a day is complete once it is over
COLUMNS = ("inbox_row", "sender", "customer_id", RECORDED, "id", "occurred_at", "withdrawn", "topic", "channel", "outcome",
           "amount_cents", "currency")  # fmt: skip
FACTS = "facts."   # before the name of a fact the sender chose; one that nobody sent on a day is empty


@dataclass(frozen=True)
class Inbox:
    """The reader of the ledger's inbox."""

    name: str = "inbox"

    def check(self, source: Source) -> list[str]:
        """Ask for the kind of row, and for the one column that says when rows came."""
        found = [] if source.options.get("kind") in KINDS else [
            f'options: say which rows, options = {{ kind = "contact" }}. Known: {", ".join(KINDS)}.']  # fmt: skip
        found += [] if source.cursor == RECORDED else [f'cursor must be "{RECORDED}": when we received a row.']
        found += [f'{key} is of no use to reader = "inbox". Remove it.' for key in ("path", "url", "url_env", "query", "table")
                  if getattr(source, key) is not None]  # fmt: skip
        return found

    def read(self, source: Source, settings: Settings, *, first: date, last: date) -> pl.DataFrame:
        """Return the rows received on the days wanted, each pulled for its day."""
        rows = _rows(source, settings, first, last)
        if not rows:
            return joined([], source.name)
        frame = frame_of((list(rows[0]), [tuple(row.values()) for row in rows]))
        _check_columns(frame, source, settings)
        missing = [pl.lit(None, dtype=pl.String).alias(name) for name in sorted(columns_used(source) - set(frame.columns))]
        placed_rows = placed(frame, "inbox", last).with_columns(*missing, pl.col(RECORDED).dt.date().alias(DAY))
        return placed_rows.with_columns(pl.col("inbox_row").alias(ROW))

    def table(self, source: Source, settings: Settings, lookup: Lookup) -> pl.DataFrame:
        """Refuse a lookup's query: the inbox is one table."""
        raise ConfigError(f"{source.name}: [[lookup]] {lookup.key}: `query` needs reader = \"sql\". Give a path.")

    def signature(self, source: Source, settings: Settings) -> str | None:
        """Return None: it is read by day, never whole."""
        return None


READER = Inbox()


def _rows(source: Source, settings: Settings, first: date, last: date) -> list[dict[str, Any]]:
    """Return what came on the days wanted, in the order it came, a column a fact; all rows have the same columns."""
    inbox = InboxRow.__table__.c
    since, until = moment_after(first - timedelta(days=1)), moment_after(last)
    came = sa.select(inbox.id, inbox.token, inbox.customer_id, inbox.recorded_at, inbox.body).where(
        inbox.kind == source.options["kind"], inbox.recorded_at >= since, inbox.recorded_at < until).order_by(inbox.id)  # fmt: skip
    try:
        with database.engine(settings).connect() as connection:
            found = connection.execute(came).all()
    except SQLAlchemyError as error:
        raise SourceError(f"{source.name}: the ledger's inbox cannot be read: {str(error).splitlines()[0]}. Check DATABASE_URL.") from error
    return _even([_flat(row) for row in found])


def _flat(row: Any) -> dict[str, Any]:
    body: Mapping[str, Any] = row.body
    facts = {f"{FACTS}{name}": value for name, value in body.get("facts", {}).items()}
    plain = {name: value for name, value in body.items() if name != "facts"}
    return {"inbox_row": row.id, "sender": row.token, "customer_id": row.customer_id, RECORDED: row.recorded_at, **plain, **facts}


def _even(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    names = list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))
    return [{name: row.get(name) for name in names} for row in rows]


def _check_columns(frame: pl.DataFrame, source: Source, settings: Settings) -> None:
    known = [name for name in frame.columns if not name.startswith("__")]
    for column in sorted(columns_used(source) - set(known)):
        if not column.startswith(FACTS):
            raise ConfigError(unknown_name(f"{settings.folder / 'sources' / source.name}.toml: the inbox", "column", column, known))
