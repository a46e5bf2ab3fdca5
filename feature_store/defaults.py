"""Default features: what a source alone yields, by its role, so that a newcomer writes no Python.

Every source gives counts (of all rows, of its most frequent kinds, of the other kinds), sums and means of its number
columns, their last value, recency, tenure, active days and a trend. A source of customers gives each attribute's last
known value; a text becomes one yes-or-no feature a value. The list is frozen, so vectors of all days mean the same.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import chain, zip_longest

import polars as pl

import feature_store.features
from core.clock import moment_after
from core.errors import ConfigError, unknown_name
from core.registry import discover
from core.settings import Features, Settings
from feature_store import lake
from feature_store.feature import Feature, Measure, Share, Trend, measures
from feature_store.feature_set import FeatureSet, make_set, store
from feature_store.sources.source import OURS, Source, load_sources

log = logging.getLogger(__name__)


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


def freeze(settings: Settings, day: date, keep: Sequence[Feature] | None = None) -> FeatureSet:
    """Draw the features as of `day`, keep them under their version and use them from that day on."""
    return store(settings, drawn_as_of(settings, day, keep))


def drawn_as_of(settings: Settings, day: date, keep: Sequence[Feature] | None = None) -> FeatureSet:
    """Return the features as they are drawn as of `day`.

    `keep` are the hand-made ones (default: every file of feature_store/features whose source is configured); they
    come on top of the limit, and a default feature of the same name gives way.
    """
    shapes = [shape(settings, source, day) for _, source in sorted(load_sources(settings).items())]
    notes: list[str] = []
    if keep is None:
        keep, notes = hand_made({s.source: s for s in shapes})
    drawn = draw(shapes, settings.features)
    features = [*keep, *(f for f in drawn if f.name not in {k.name for k in keep})]
    if not features:
        raise ConfigError(f"{settings.folder / 'sources'}: no source gave a feature. Add a source, or pull its first days.")
    for note in notes:
        log.info(note)
    return make_set(features, frozen_on=day, notes=notes)


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


def draw(shapes: Iterable[Shape], limits: Features) -> list[Feature]:
    """Return the default features of all sources: at most `limits.at_most`, each source in turn giving its next."""
    lists = [list(_of_attributes(s) if s.role == "customers" else _of_events(s, limits.windows_days)) for s in shapes]
    in_turn = (f for f in chain.from_iterable(zip_longest(*lists)) if f is not None)
    chosen = list({f.name: f for f in in_turn}.values())[: limits.at_most]
    return sorted(chosen, key=lambda f: f.name)


def _of_attributes(shape: Shape) -> Iterator[Feature]:
    yield Feature(f"{shape.source}__tenure_days", Measure(shape.source, "tenure"))
    for name in shape.numbers:
        yield Feature(f"{shape.source}__{name}", Measure(shape.source, "last", column=name))
    for name in shape.times:
        yield Feature(f"{shape.source}__days_until_{name}", Measure(shape.source, "until", column=name))
    for name, values in shape.texts:
        for word, value in _words(values):
            is_value = Measure(shape.source, "last", column=name, equals=value)
            yield Feature(f"{shape.source}__{name}__is_{word}", is_value, empty=0)


def _of_events(shape: Shape, windows_days: Sequence[int]) -> Iterator[Feature]:
    """Yield the features of a source of events, those that say most first: the limit cuts from the end."""
    source, widest = shape.source, max(windows_days)
    yield Feature(f"{source}__recency_days", Measure(source, "recency", widest))
    yield Feature(f"{source}__tenure_days", Measure(source, "tenure"))
    for days in windows_days[-2:-1]:
        yield Feature(f"{source}__trend_{days}d", Trend(Measure(source, "count", days), widest))
    for name in shape.numbers:
        yield Feature(f"{source}__{name}__last", Measure(source, "last", widest, column=name))
    for days in sorted(windows_days, key=lambda d: (d != 28, -d)):
        yield from _in_window(shape, days)
    for word, kind in _words(shape.kinds):
        yield Feature(f"{source}__{word}__recency_days", Measure(source, "recency", widest, kind=kind))
    yield from _by_role(shape, widest)


def _by_role(shape: Shape, days: int) -> Iterator[Feature]:
    """Yield what a practitioner asks of usage, bills and contacts beyond totals; last, so that the limit cuts these first."""
    source, role = shape.source, shape.role
    if role in ("telemetry", "purchases"):
        yield Feature(f"{source}__slope_{days}d", Measure(source, "slope", days), empty=0)
        yield Feature(f"{source}__mean_gap_{days}d", Measure(source, "mean_gap", days))
        yield Feature(f"{source}__gap_variation_{days}d", Measure(source, "gap_variation", days))
    if role in ("billing", "purchases"):
        for name in shape.numbers:
            yield Feature(f"{source}__{name}__volatility_{days}d", Measure(source, "volatility", days, column=name))
    if role in ("telemetry", "contacts"):
        for word, kind in _words(shape.kinds):
            yield Feature(f"{source}__{word}__share_{days}d", Share(Measure(source, "count", days, kind=kind)))
    for name in shape.times:
        yield Feature(f"{source}__days_until_{name}", Measure(source, "until", column=name))


def _in_window(shape: Shape, days: int) -> Iterator[Feature]:
    source = shape.source
    yield Feature(f"{source}__count_{days}d", Measure(source, "count", days), empty=0)
    for word, kind in _words(shape.kinds):
        yield Feature(f"{source}__{word}__count_{days}d", Measure(source, "count", days, kind=kind), empty=0)
    others = Measure(source, "count", days, other_than=shape.kinds)
    if shape.kinds:
        yield Feature(f"{source}__other__count_{days}d", others, empty=0)
    for name in shape.numbers:
        yield Feature(f"{source}__{name}__sum_{days}d", Measure(source, "sum", days, column=name), empty=0)
        yield Feature(f"{source}__{name}__mean_{days}d", Measure(source, "mean", days, column=name))
    if days > 1:  # within one day the count says it
        yield Feature(f"{source}__distinct_days_{days}d", Measure(source, "distinct_days", days), empty=0)


def _words(values: Sequence[str]) -> list[tuple[str, str]]:
    """Pair each value with a word for a feature's name; values that would share one are numbered."""
    taken: dict[str, int] = {"other": 1}
    pairs = []
    for value in values:
        word = re.sub(r"[^a-z0-9]+", "_", value.lower()).strip("_") or "blank"
        taken[word] = taken.get(word, 0) + 1
        pairs.append((word if taken[word] == 1 else f"{word}_{taken[word]}", value))
    return pairs


def hand_made(
    shapes: Mapping[str, Shape], written: Mapping[str, Feature] | None = None
) -> tuple[list[Feature], list[str]]:
    """Return the features `written` by hand whose sources are configured, and a note for each one left out.

    Raise ConfigError, naming the file and the nearest column, for one about a column its source does not have.
    """
    found, notes = [], []
    written = discover(feature_store.features, "FEATURE") if written is None else written
    for name, feature in written.items():
        where = f"feature_store/features/{name}.py"
        absent = sorted({m.source for m in measures(feature)} - {s for s in shapes if shapes[s].seen})
        if absent:
            why = "holds no rows yet" if absent[0] in shapes else "is not configured"
            notes.append(f"{where}: left out, because source {absent[0]!r} {why}.")
            continue
        for measure in measures(feature):
            columns = shapes[measure.source].columns
            if measure.column is not None and measure.column not in columns:
                raise ConfigError(unknown_name(where, f"column of {measure.source}", measure.column, columns))
        found.append(feature)
    return found, notes
