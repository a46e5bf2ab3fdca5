"""Vectors: one row per known customer as of a day, kept as they were scored.

vectors/<version>/<day>.parquet holds customer_id, as_of and the features of that set, as 32-bit numbers. A closed day's
vectors never change, so a file that is there is used as it is.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from io import BytesIO
from pathlib import Path

import polars as pl
from upath import UPath

from core.clock import as_day, moment_after
from core.errors import MissingError
from core.settings import Settings, current
from core.storage import write_whole
from feature_store import lake
from feature_store.as_of import compute_each
from feature_store.defaults import freeze
from feature_store.feature_set import FeatureSet, in_use, load
from feature_store.roster import roster
from feature_store.sources.configured import load_sources
from feature_store.tables import is_local


def build_day(*, day: date | str, settings: Settings | None = None) -> str:
    """Build the vectors as of a closed day, unless they are there; return their path. Freezes a first feature set."""
    settings = settings or current()
    day = as_day(day)
    path = _path(settings, day, _set(settings, day, None))
    if not path.exists():
        _build(settings, day, _set(settings, day, None))
    return str(path)


def vectors(settings: Settings, day: date, version: str | None = None) -> pl.DataFrame:
    """Return the vectors as of a day in the feature set `version` (default: the one in use); build what is missing."""
    frozen = _set(settings, day, version)
    path = _path(settings, day, frozen)
    return read(str(path)) if path.exists() else _build(settings, day, frozen)


def read(path: str) -> pl.DataFrame:
    """Return the vectors in what `build_day` named: a file, or a folder of files that a cluster wrote."""
    parts = []
    whole = UPath(path)
    for part in sorted(whole.glob("part-*.parquet")) if whole.is_dir() else [whole]:
        with part.open("rb") as file:
            parts.append(pl.read_parquet(file))
    return pl.concat(parts)


def feature_set_of(settings: Settings, path: str) -> FeatureSet:
    """Return the feature set that the vectors in this file were built from."""
    return load(settings, UPath(path).parent.name)


def _set(settings: Settings, day: date, version: str | None) -> FeatureSet:
    if version is not None:
        return load(settings, version)
    return in_use(settings, day) or freeze(settings, day)


def _path(settings: Settings, day: date, frozen: FeatureSet) -> UPath:
    return settings.root.joinpath("vectors", frozen.version, f"{day}.parquet")


def place(settings: Settings, day: date, frozen: FeatureSet) -> str:
    """Return where the vectors of a day and a feature set lie; a local place is absolute, as other processes need it."""
    path = _path(settings, day, frozen)
    return os.path.abspath(str(path)) if is_local(path) else str(path)


def build_days(settings: Settings, days: Iterable[date], version: str) -> None:
    """Build what is missing of many closed days' vectors in one feature set, in one pass over the lake."""
    frozen = load(settings, version)
    missing = [day for day in sorted(set(days)) if not _path(settings, day, frozen).exists()]
    for _ in _build_each(settings, missing, frozen):
        pass


def _build(settings: Settings, day: date, frozen: FeatureSet) -> pl.DataFrame:
    return next(_build_each(settings, [day], frozen))


def _build_each(settings: Settings, days: Sequence[date], frozen: FeatureSet) -> Iterator[pl.DataFrame]:
    """Yield each day's vectors once they are written."""
    if not days:
        return
    closed = lake.last_closed(settings)
    if closed is None or days[-1] > closed:
        until = f"closed until {closed}" if closed else "closed for no day yet"
        raise MissingError(f"Vectors as of {days[-1]}: the lake is {until}. Pull and close the day first: beforehand pull.")
    sources = load_sources(settings)
    if settings.features.engine == "spark":
        yield from (_on_cluster(settings, day, frozen, sources) for day in days)
        return
    looks = lambda source, moment, since: lake.look(settings, source, before=moment, since=since)
    known = lambda moment: roster(settings, sources, moment)
    moments = [moment_after(day) for day in days]
    computed = compute_each(frozen.features, looks, moments, known, pl.Float32(), _kept(settings, frozen))
    for day, found in zip(days, computed, strict=True):
        built = found.select("customer_id", pl.lit(day).alias("as_of"), *frozen.names)
        _write(_path(settings, day, frozen), built)
        yield built


def _kept(settings: Settings, frozen: FeatureSet) -> Path | None:
    """Return where a set's running sums are kept from one day to the next; only on disks of this machine."""
    root = settings.root
    return Path(str(root)) / "vectors" / "kept" / frozen.version if is_local(root) else None


def _on_cluster(settings: Settings, day: date, frozen: FeatureSet, sources: Iterable[str]) -> pl.DataFrame:
    """Build a day's vectors on the cluster, whose workers write them: a folder of files in the customers' order."""
    from feature_store.engines.spark import cluster, write
    from feature_store.engines.spark import vectors as computed

    path = _path(settings, day, frozen)
    write(computed(settings, frozen.features, moment_after(day), sources, cluster(settings)), frozen.names, day, path)
    return read(str(path))


def _write(path: UPath, built: pl.DataFrame) -> None:
    content = BytesIO()
    built.write_parquet(content, compression="zstd", compression_level=1)
    write_whole(path, content.getvalue())
