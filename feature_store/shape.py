"""Shapes: what a source looked like when the features were drawn, in kinds, number columns, texts and times."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from core.clock import moment_after
from core.settings import Settings
from feature_store import lake
from feature_store.sources.source import OURS, Source


@dataclass(frozen=True)
class Shape:
    """What a source looked like when the features were frozen: kinds, number columns, texts with their values."""

    source: str
    role: str
    kinds: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    texts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    times: tuple[str, ...] = ()    # columns that hold a date: renewal, expiry
    columns: tuple[str, ...] = ()  # all that are mapped, also those no default feature is about
    seen: bool = True              # it holds rows


def shape(settings: Settings, source: Source, day: date) -> Shape:
    """Look at a source's rows known as of `day`: the newest windows, or all there is when those are empty.

    A kind that the source's file names is among the kinds even before its first event, so that a condition on it holds.
    """
    name, role, moment = source.name, source.role, moment_after(day)
    since = moment - timedelta(days=max(settings.features.windows_days))
    rows = lake.scan(settings, name, before=moment, since=None if role == "customers" else since)
    if role != "customers" and not rows.select(pl.len()).collect().item():
        rows = lake.scan(settings, name, before=moment)
    found = shape_of(name, role, rows, settings.features.top_kinds)
    named = {event.kind.constant for event in source.events if event.kind.constant}
    return replace(found, kinds=tuple(sorted({*found.kinds, *named})), seen=bool(found.kinds))


def shape_of(source: str, role: str, rows: pl.LazyFrame, top: int) -> Shape:
    """Return the shape of known rows, with at most `top` kinds and `top` values of a text, most frequent first."""
    mapped = {name: kind for name, kind in rows.collect_schema().items() if name not in OURS}
    numbers = [n for n, kind in mapped.items() if (kind.is_numeric() or kind == pl.Boolean) and not n.endswith("_id")]
    texts = [n for n, kind in mapped.items() if kind == pl.String] if role == "customers" else []
    kinds, *values = pl.collect_all([_frequent(rows, name, top) for name in ("kind", *texts)])
    common = [(n, _values(v, top)) for n, v in zip(texts, values, strict=True)]
    said = tuple(t for t in sorted(common) if t[1])
    times = tuple(sorted(n for n, kind in mapped.items() if kind.is_temporal()))
    return Shape(source, role, _values(kinds, top), tuple(sorted(numbers)), said, times, tuple(sorted(mapped)))


def _frequent(rows: pl.LazyFrame, column: str, top: int) -> pl.LazyFrame:
    counted = rows.filter(pl.col(column).is_not_null()).group_by(column).len()
    ranked = counted.sort(["len", column], descending=[True, False])
    return ranked.with_columns(share=pl.col("len") / pl.col("len").sum()).head(top)


def _values(frequent: pl.DataFrame, top: int) -> tuple[str, ...]:
    """Return the values in alphabetical order; none when they are free text, that is most rows hold others."""
    free = frequent.height == top and float(frequent["share"].sum()) < 0.5 and frequent.columns[0] != "kind"
    return () if free else tuple(sorted(frequent.to_series(0).to_list()))
