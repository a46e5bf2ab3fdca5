"""How customers are reached: the newest details of each, straight from the sources; they never enter the lake."""

from datetime import date

import polars as pl

from core.settings import Settings
from feature_store.sources.configured import load_sources
from feature_store.sources.lookups import follow
from feature_store.sources.reader import DAY, reader_of
from feature_store.sources.source import Source, in_braces
from feature_store.sources.times import INSTANT, read_times
from feature_store.sources.values import as_ids, as_yes_or_no

COLUMNS = {
    "customer_id": pl.String, "unit_id": pl.String, "name": pl.String, "address": pl.String, "phone": pl.String,
    "language": pl.String, "time_zone": pl.String, "country": pl.String, "consent": pl.Boolean,
}  # fmt: skip
_WHOLE: dict[str, tuple[tuple[str, Source], pl.DataFrame]] = {}


def contact_details(settings: Settings, *, first: date, last: date) -> pl.DataFrame:
    """Return one row a customer, the newest of `first` to `last`, from every source with [contact_details].

    Columns: customer_id, unit_id, name, address, phone, language, time_zone, country (text) and consent (yes, no, or empty
    where the source does not say). Where several sources know a customer, the newest that says something counts.
    """
    known = [source for source in load_sources(settings).values() if source.contact_details]
    parts = [_unless_unchanged(source, settings, first, last) for source in known]
    if not parts:
        return pl.DataFrame(schema=COLUMNS)
    every = pl.concat(parts).filter(pl.col("customer_id").is_not_null()).sort("changed_at", nulls_last=False, maintain_order=True)
    newest = [pl.col(name).drop_nulls().last() for name in COLUMNS if name != "customer_id"]
    return every.group_by("customer_id").agg(newest).sort("customer_id")


def _unless_unchanged(source: Source, settings: Settings, first: date, last: date) -> pl.DataFrame:
    """Return a source's details; one that is read whole is read once in a process until it changes."""
    reader = reader_of(source, settings)
    signature = reader.signature(source, settings) if source.whole else None
    if signature is None:
        return _details(source, settings, first, last)
    key = f"{settings.folder} {source.name}"
    if key not in _WHOLE or _WHOLE[key][0] != (signature, source):
        _WHOLE[key] = ((signature, source), _details(source, settings, first, last))
    return _WHOLE[key][1]


def _details(source: Source, settings: Settings, first: date, last: date) -> pl.DataFrame:
    """Return every row's details and when they changed: as the source says, else the day of its file."""
    reader = reader_of(source, settings)
    rows = reader.read(source, settings, first=first, last=last)
    if not rows.height:
        return pl.DataFrame(schema={**COLUMNS, "changed_at": INSTANT})
    rows, details = follow(source, settings, reader, rows), source.contact_details
    theirs: dict[str, str | bool | None] = {"customer_id": source.customer_id, **details.mapped} if details else {}
    if details and isinstance(details.consent, bool):
        theirs["consent"] = details.consent
    found = [_column(rows, name, theirs.get(name)) for name in COLUMNS]
    changed = rows[DAY].cast(INSTANT)
    if details and details.changed_at:
        changed = read_times(rows[details.changed_at], source.date_formats, source.time_zone)[0]
    return pl.DataFrame([*found, changed.alias("changed_at")])


def _column(rows: pl.DataFrame, ours: str, theirs: str | bool | None) -> pl.Series:
    """Return a detail from a column, a text with columns in braces ("{id}@example.org"), or one answer for everybody."""
    if theirs is None or isinstance(theirs, bool):
        return pl.repeat(theirs, rows.height, dtype=COLUMNS[ours], eager=True).alias(ours)
    if ours == "consent":
        return as_yes_or_no(rows[theirs]).alias(ours)
    if "{" not in theirs:
        return as_ids(rows[theirs]).alias(ours)
    names = in_braces(theirs)
    template = theirs
    for name in names:
        template = template.replace(f"{{{name}}}", "{}")
    return rows.select(pl.format(template, *(as_ids(rows[name]) for name in names)).alias(ours)).to_series()
