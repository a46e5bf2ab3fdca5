"""The sixty features in DuckDB's SQL: one conditional aggregation a source, distinct days as bits of two words."""

from datetime import datetime

import polars as pl

from bench.features.declared import pace, sixty
from feature_store.feature import Feature, Measure, measures

SETTLED = "SET threads = 2; SET memory_limit = '8GB'; SET preserve_insertion_order = false; SET TimeZone = 'UTC'"


def answer(files: dict[str, list[str]], roster: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """Return one row per customer of the roster with the sixty features."""
    import duckdb

    wanted = {source: list(dict.fromkeys(m for f in sixty() for m in measures(f) if m.source == source)) for source in files}
    names = {m: f"{source}_{n}" for source, of in wanted.items() for n, m in enumerate(of)}
    grouped = [
        f"{source} AS (SELECT customer_hash, {', '.join(f'{_sql(m, moment)} AS {names[m]}' for m in of)}"
        f" FROM read_parquet({files[source]!r}, hive_partitioning = false) GROUP BY customer_hash)"
        for source, of in wanted.items()
    ]
    shown = ", ".join(f"{_feature(f, names)} AS {f.name}" for f in sixty())
    with duckdb.connect() as connection:
        connection.execute(SETTLED)
        connection.register("roster", roster.to_arrow())
        found = connection.execute(
            f"WITH {', '.join(grouped)} SELECT roster.customer_id, {shown} FROM roster "
            + " ".join(f"LEFT JOIN {source} USING (customer_hash)" for source in files)
        )
        return pl.DataFrame(found.to_arrow_table())


def _sql(measure: Measure, moment: datetime) -> str:
    """Word a measure as one aggregate."""
    at, conditions = f"TIMESTAMPTZ '{moment.isoformat()}'", []
    if measure.window_days is not None and measure.window_days < 90:  # the files hold 90 days
        conditions.append(f"occurred_at >= {at} - INTERVAL {measure.window_days} DAY")
    if measure.kind is not None:
        conditions.append(f"kind = '{measure.kind}'")
    if measure.other_than:
        conditions.append(f"kind NOT IN {measure.other_than!r}")
    narrowed = f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
    both = lambda aggregate: f"{aggregate}{narrowed}"
    day = f"(epoch_us({at}) - 1 - epoch_us(occurred_at)) // 86400000000"
    return {
        "count": both("count(*)"),
        "sum": both(f"sum({measure.column})"),
        "mean": both(f"avg({measure.column})"),
        "last": both(f"arg_max({measure.column}, occurred_at)"),
        "recency": f"(epoch_us({at}) - epoch_us({both('max(occurred_at)')})) / 86400000000.0",
        "distinct_days": " + ".join(f"bit_count(coalesce(bit_or({bit}){narrowed}, 0::UBIGINT))" for bit in (
            f"CASE WHEN {day} < 64 THEN 1::UBIGINT << ({day})::UBIGINT ELSE 0::UBIGINT END",
            f"CASE WHEN {day} >= 64 THEN 1::UBIGINT << ({day} - 64)::UBIGINT ELSE 0::UBIGINT END")),
    }[measure.aggregate]  # fmt: skip


def _feature(feature: Feature, names: dict[Measure, str]) -> str:
    over, *under = (names[m] for m in measures(feature))
    if under:
        zero = [f"coalesce({name}, 0)" for name in (over, *under)]
        days = pace(feature)
        return f"{zero[0]} / nullif({zero[1]}, 0)::DOUBLE * {days}"
    return over if feature.empty is None else f"coalesce({over}, {feature.empty})"
