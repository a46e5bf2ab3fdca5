"""Reach a row's customer, or a fact that never changes, through other tables, one after the other."""

import polars as pl

from core.errors import ConfigError, unknown_name
from core.settings import Settings
from feature_store.sources.reader import Reader
from feature_store.sources.source import Lookup, Source
from feature_store.sources.values import as_ids

PROBLEM = "__problem"  # why a row cannot be used; empty when it can


def follow(source: Source, settings: Settings, reader: Reader, rows: pl.DataFrame) -> pl.DataFrame:
    """Return `rows` with each lookup's columns and PROBLEM; a key that is not found, or found twice, is one."""
    rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(PROBLEM))
    for lookup in source.lookups:
        rows = _follow(source, settings, lookup, rows, _table(source, settings, reader, lookup))
    return rows


def _table(source: Source, settings: Settings, reader: Reader, lookup: Lookup) -> pl.DataFrame:
    """Return the looked-up columns, a row a key; `__found` says how many different answers there were."""
    from feature_store.sources.files import lookup_table

    table = lookup_table(source, settings, lookup) if lookup.path else reader.table(source, settings, lookup)
    match = lookup.match or lookup.key
    for column in (match, *lookup.value):
        if column not in table.columns:
            where = f"{settings.folder / 'sources' / source.name}.toml: [[lookup]] {lookup.key}"
            raise ConfigError(unknown_name(where, "column", column, table.columns))
    answers = table.select(as_ids(table[match]).alias("__key"), *lookup.value).filter(pl.col("__key").is_not_null())
    found = answers.unique(maintain_order=True).group_by("__key", maintain_order=True)
    return found.agg(*(pl.col(name).first() for name in lookup.value), pl.len().alias("__found"))


def _follow(
    source: Source, settings: Settings, lookup: Lookup, rows: pl.DataFrame, table: pl.DataFrame
) -> pl.DataFrame:
    for column in lookup.value:
        if column in rows.columns:
            raise ConfigError(f"{settings.folder / 'sources' / source.name}.toml: [[lookup]] {lookup.key}: the rows have a "
                              f"column {column!r} already. Rename it in the looked-up table.")  # fmt: skip
    if lookup.key not in rows.columns:
        if rows.height:
            where = f"{settings.folder / 'sources' / source.name}.toml: [[lookup]]"
            raise ConfigError(unknown_name(where, "column", lookup.key, [c for c in rows.columns if c[:2] != "__"]))
        return rows.with_columns(pl.lit(None, dtype=pl.String).alias(column) for column in lookup.value)
    rows = rows.with_columns(as_ids(rows[lookup.key]).alias("__key"))
    rows = rows.join(table, on="__key", how="left", maintain_order="left")
    said = pl.format(f"{lookup.key} '{{}}' is ", pl.col("__key"))
    place = lookup.path.rpartition("/")[2] if lookup.path else "the lookup"
    problem = (
        pl.when(pl.col("__key").is_null()).then(pl.lit(f"{lookup.key} is empty, so its customer cannot be found"))
        .when(pl.col("__found").is_null()).then(pl.concat_str(said, pl.lit(f"not in {place}")))
        .when(pl.col("__found") > 1).then(pl.concat_str(said, pl.lit(f"in {place} with different answers")))
    )  # fmt: skip
    answered = [pl.when(pl.col("__found") == 1).then(pl.col(name)).alias(name) for name in lookup.value]
    return rows.with_columns(pl.coalesce(PROBLEM, problem).alias(PROBLEM), *answered).drop("__key", "__found")
