"""What was recorded of the analysed customers in the sources that settings.toml names, known before a data cut."""

from datetime import date, datetime, time

import polars as pl

from core.errors import ConfigError, unknown_name
from core.settings import Settings
from feature_store.lake import scan, schema
from feature_store.sources.configured import load_sources


def split(settings: Settings, key: str, parts: int) -> list[str]:
    """Return the parts of a [loyalty] key such as "billing.paid.amount_cents". Raise ConfigError if it has others."""
    given = getattr(settings.loyalty, key)
    found = str(given).split(".")
    if len(found) != parts:
        shape = ".".join(("source", "kind", "column")[:parts])
        raise ConfigError(f"{settings.folder / 'settings.toml'}: loyalty.{key}: {given!r} is not of the form {shape!r}.")
    return found


def left_days(settings: Settings, persons: pl.DataFrame, *, before: datetime) -> pl.DataFrame:
    """Return (assignment_id, left_on) per person of `persons` who left: the flagged one since the flag, others ever."""
    source, kind = split(settings, "left_event", 2)
    since = pl.when("own").then(pl.col("flagged_on") + pl.duration(days=1)).otherwise(date.min)
    people = persons.select("assignment_id", "customer_id", since.alias("since")).unique()
    left = facts_of(settings, source, people, before, kind=kind)
    here = people.join(left, on="customer_id").filter(pl.col("on") >= pl.col("since"))
    return here.group_by("assignment_id", "customer_id").agg(pl.col("on").min().alias("left_on"))


def facts_of(
    settings: Settings, source: str, persons: pl.DataFrame, before: datetime, *,
    kind: str | None = None, column: str | None = None, instants: bool = False,
) -> pl.DataFrame:
    """Return (customer_id, on, amount) of those persons' facts, known before the cut; `on` is the UTC day, or the instant."""
    _check(settings, source, column)
    first = persons["pre_from"].min() if "pre_from" in persons.columns else None
    since = datetime.combine(first, time(), before.tzinfo) if isinstance(first, date) else None
    facts = scan(settings, source, before=before, since=since)
    if kind:
        facts = facts.filter(pl.col("kind") == kind)
    known = facts.collect_schema().names()
    amount = pl.col(column).cast(pl.Float64).fill_null(0.0) if column in known else pl.lit(1.0)
    wanted = persons.lazy().select("customer_id").unique()
    on = pl.col("occurred_at") if instants else pl.col("occurred_at").dt.date()
    chosen = facts.select("customer_id", on.alias("on"), amount.alias("amount"))
    return chosen.join(wanted, on="customer_id", how="semi").collect()


def _check(settings: Settings, source: str, column: str | None) -> None:
    """Raise ConfigError for a source or column that settings.toml names and nobody knows; an empty lake is no error."""
    where, known = f"{settings.folder / 'settings.toml'}: loyalty", schema(settings, source)
    if not known and source not in (sources := load_sources(settings)):
        raise ConfigError(unknown_name(where, "source", source, sources))
    if known and column and column not in known:
        raise ConfigError(unknown_name(f"{where}.revenue: {source}", "column", column, known))
