"""One made world a test run, of 6,000 customers and 270 days, that nobody was told anything in."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from simulator.company import Company

FIRST = date(2025, 1, 6)
CUSTOMERS, DAYS = 6_000, 270


def make(folder: Path, *, contacts: pl.DataFrame | None = None, customers: int = CUSTOMERS, days: int = DAYS) -> Company:
    """Make a company and write all its days at once."""
    last = FIRST + timedelta(days=days - 1)
    company = Company.open(folder, customers=customers, seed=5, first=FIRST, last=last)
    company.write_until(last, contacts=contacts)
    return company


def morning(day: int) -> datetime:
    """Return ten o'clock on a day counted from the first."""
    return datetime(FIRST.year, FIRST.month, FIRST.day, 10, tzinfo=UTC) + timedelta(days=day)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    return make(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def rows(world):
    """Return the good rows of one of its sources: who (row number), kind and day, since the first."""
    columns = {"telemetry": ("user", "action", "started_at"), "billing": ("account", "type", "created"),
               "contacts": ("caller", "topic", "opened")}

    def read(source):
        who, kind, at = columns[source]
        found = pl.read_parquet(world.folder / source / "*.parquet").drop_nulls(who)
        day = (pl.col(at) - morning(0)).dt.total_seconds() / 86_400 + 10 / 24
        return found.select(who=pl.Series(world.rows_of(found[who])), kind=kind, day=day)

    return {source: read(source) for source in columns}
