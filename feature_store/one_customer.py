"""One customer's numbers as they were scored: one row of a day's vectors, read without the other customers' columns of it."""

from datetime import date, timedelta

import polars as pl
from upath import UPath

from core.settings import Settings
from feature_store.build import read
from feature_store.feature_set import FeatureSet, in_use, load
from feature_store.tables import is_local

Numbers = dict[str, float | None]


def newest_day(settings: Settings) -> tuple[date, FeatureSet] | None:
    """Return the newest day whose vectors were built, and their feature set; None where there is none yet."""
    days = [(date.fromisoformat(path.stem), path.parent.name) for path in settings.root.joinpath("vectors").glob("*/*.parquet")
            if path.parent.name not in ("kept", "sets")]  # fmt: skip
    if not days:
        return None
    day = max(day for day, _ in days)
    used = in_use(settings, day)
    versions = sorted(version for each, version in days if each == day)
    return day, load(settings, used.version if used and used.version in versions else versions[-1])


def numbers_of(settings: Settings, customer_id: str, day: date, frozen: FeatureSet, names: list[str]) -> Numbers | None:
    """Return what a customer's features were as of a day; None where they were not known then, or the day was not kept."""
    path = settings.root.joinpath("vectors", frozen.version, f"{day}.parquet")
    if not path.exists():
        return None
    rows = _rows(path).filter(pl.col("customer_id") == customer_id).select(names).head(1).collect()
    return rows.row(0, named=True) if rows.height else None


def weeks_before(day: date, weeks: int) -> date:
    """Return the same weekday so many weeks earlier."""
    return day - timedelta(weeks=weeks)


def _rows(path: UPath) -> pl.LazyFrame:
    if not is_local(path):
        return read(str(path)).lazy()
    return pl.scan_parquet(f"{path}/part-*.parquet" if path.is_dir() else str(path))
