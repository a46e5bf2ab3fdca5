"""What every reader does: fetch a source's rows for some days, each with the place it came from.

A reader is one file in this folder with one constant, `READER`; the file's name is what `reader = "..."` says.
"""

from datetime import date
from typing import Protocol

import polars as pl

from core.errors import SourceError, unknown_name
from core.registry import discover
from core.settings import Settings
from feature_store.sources.source import Lookup, Source

FILE, ROW, DAY = "__file", "__row", "__day"  # where a row stood, and the day it was pulled for


class Reader(Protocol):
    """A way to fetch rows."""

    name: str

    def check(self, source: Source) -> list[str]:
        """Say what is wrong with the keys this reader needs; nothing when all is well."""

    def read(self, source: Source, settings: Settings, *, first: date, last: date) -> pl.DataFrame:
        """Return the rows of `first` to `last` as they are, with FILE, ROW (from 1) and DAY. Raise SourceError."""

    def table(self, source: Source, settings: Settings, lookup: Lookup) -> pl.DataFrame:
        """Return the whole table of a lookup."""

    def signature(self, source: Source, settings: Settings) -> str | None:
        """Return what changes when a source that is read whole has changed; None when that cannot be told."""


def readers() -> dict[str, Reader]:
    """Return every reader by name."""
    from feature_store import sources

    return discover(sources, "READER")


def reader_of(source: Source, settings: Settings) -> Reader:
    """Return the reader a source asks for. Raise ConfigError when there is none, or a key it needs is missing."""
    from core.errors import ConfigError

    file = settings.folder / "sources" / f"{source.name}.toml"
    known = readers()
    if source.reader not in known:
        raise ConfigError(unknown_name(file, "reader", source.reader, known))
    for problem in known[source.reader].check(source):
        raise ConfigError(f"{file}: {problem}")
    return known[source.reader]


def placed(rows: pl.DataFrame, file: str, day: date) -> pl.DataFrame:
    """Add to rows where they stood and for which day they were pulled."""
    return rows.with_columns(
        pl.lit(file).alias(FILE), pl.int_range(1, pl.len() + 1).alias(ROW), pl.lit(day).alias(DAY)
    )


def joined(parts: list[pl.DataFrame], where: str) -> pl.DataFrame:
    """Put the rows of several files together. Raise SourceError when a column changes its nature between them."""
    filled = [part for part in parts if part.height] or parts[:1]
    if not filled:
        return pl.DataFrame(schema={FILE: pl.String, ROW: pl.Int64, DAY: pl.Date})
    try:
        return pl.concat(filled, how="diagonal_relaxed")
    except (pl.exceptions.SchemaError, pl.exceptions.InvalidOperationError) as error:
        raise SourceError(f"{where}: a column has another type in some files: {error}. Write it alike everywhere.") from error
