"""A made company's lake to measure on: usage events and invoices of 180 days, laid in day by day as a pull would.

It is written once into the user's cache folder and used again when it is there. Everyone reads the same Parquet files.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from bench.environment import cache
from core.clock import days
from core.settings import Settings, load_settings
from feature_store import bookkeeping, lake, tables
from feature_store.fingerprints import fingerprint

FORMAT = "1"  # changes when what is written changes
FIRST = date(2026, 1, 1)
DAYS = 180
LAST = FIRST + timedelta(days=DAYS - 1)
KINDS = {"usage": ("view", "search", "play", "share", "login", "setting", "error", "export"),
         "invoices": ("issued", "paid", "failed", "refunded")}  # fmt: skip
SHARES = {"usage": (0.36, 0.2, 0.14, 0.1, 0.1, 0.05, 0.03, 0.02), "invoices": (0.48, 0.44, 0.06, 0.02)}
DAY_US = 86_400_000_000
SETTINGS = """
[company]
name = "Lumen"
from_address = "care@lumen.example"
reply_to = "help@lumen.example"
postal_address = "1 Harbour Street, 20457 Hamburg"
website = "https://lumen.example"

[storage]
root = "{root}"
"""
SOURCE = """
role = "{role}"
path = "{name}/{{day}}.parquet"
customer_id = "customer"
event_id = "row"

[[event]]
kind = {{ column = "kind" }}
occurred_at = "at"
columns = {columns}
"""
COLUMNS = {
    "usage": '{ seconds = { column = "seconds", type = "integer" }, bytes = { column = "bytes", type = "integer" } }',
    "invoices": '{ amount_cents = { column = "cents", type = "integer" } }',
}


@dataclass(frozen=True)
class Size:
    """How much there is: customers, usage events and invoices in all 180 days."""

    name: str
    customers: int
    events: int
    invoices: int


def size_of(name: str, *, dense: bool = False) -> Size:
    """Return S or L; `dense` has the same number of events, 20 of each customer a day, so fewer customers."""
    times = {"S": 1, "L": 10}[name]
    events = 5_000_000 * times
    customers = events // DAYS // 20 if dense else 100_000 * times
    return Size(f"{name}-dense" if dense else name, customers, events, 3 * customers)


def made(size: Size) -> Settings:
    """Return the settings of the made company of that size; write its lake first where it is not there."""
    home = home_of(size)
    if not (home / "ready").exists():
        shutil.rmtree(home, ignore_errors=True)
        _write(home, size)
    if not (home / "roster.parquet").exists():
        _write_roster(home, size)
        (home / "ready").touch()
    return load_settings(home / "config")


def home_of(size: Size) -> Path:
    """Return the folder of the made company of that size."""
    return cache("bench", f"features-{FORMAT}") / size.name


def _write_roster(home: Path, size: Size) -> None:
    """Write who is asked for: every customer with any event, and the number the files are sorted by."""
    settings = load_settings(home / "config")
    ids = pl.Series("customer_id", np.arange(size.customers)).cast(pl.String).str.zfill(8)
    everyone = pl.DataFrame({"customer_id": ids, "customer_hash": fingerprint(ids)}).sort("customer_hash")
    seen = np.zeros(size.customers, dtype=bool)
    for source in KINDS:
        for path in tables.live_files(tables.place(settings, source))["path"]:
            hashes = pq.ParquetFile(path).read(columns=["customer_hash"])["customer_hash"].to_numpy()
            seen[np.searchsorted(everyone["customer_hash"].to_numpy(), hashes)] = True
    everyone.filter(pl.Series(seen)).sort("customer_id").write_parquet(home / "roster.parquet")


def _write(home: Path, size: Size) -> None:
    (home / "config" / "sources").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text(SETTINGS.format(root=home / "var"))
    for name, role in (("usage", "telemetry"), ("invoices", "billing")):
        text = SOURCE.format(name=name, role=role, columns=COLUMNS[name])
        (home / "config" / "sources" / f"{name}.toml").write_text(text)
    settings = load_settings(home / "config")
    for source in KINDS:
        for day, rows in _days_of(source, size):
            lake.add(settings, source, rows, first=day, last=day)
    closed = [(source, day, False) for source in KINDS for day in days(FIRST, LAST)]
    tables.replace_rows(tables.place(settings, "_days"), pl.DataFrame(closed, schema=bookkeeping.DAYS, orient="row"))


def _days_of(source: str, size: Size) -> Iterator[tuple[date, pl.DataFrame]]:
    """Yield each day's rows as a pull hands them on. A tenth of the customers is new, three tenths leave for good."""
    rng = np.random.default_rng([7, list(KINDS).index(source), size.customers])
    per_customer = np.ones(size.customers) if size.name.endswith("dense") else rng.lognormal(0, 1, size.customers)
    weight = np.cumsum(per_customer / per_customer.sum())
    joined = np.where(rng.random(size.customers) < 0.1, rng.integers(0, DAYS - 30, size.customers), 0)
    left = np.where(rng.random(size.customers) < 0.3, rng.integers(20, 2 * DAYS, size.customers), 10 * DAYS)
    a_day = (size.events if source == "usage" else size.invoices) // DAYS
    for number, day in enumerate(days(FIRST, LAST)):
        drawn = np.searchsorted(weight, rng.random(2 * a_day)).clip(0, size.customers - 1)
        there = drawn[(joined[drawn] <= number) & (number < left[drawn])][:a_day]
        yield day, _rows(source, there, day, number, rng)


def _rows(source: str, who: np.ndarray, day: date, number: int, rng: np.random.Generator) -> pl.DataFrame:
    n, midnight = len(who), datetime(day.year, day.month, day.day, tzinfo=UTC)
    began = int(midnight.timestamp()) * 1_000_000
    occurred = began + rng.integers(0, DAY_US, n)
    recorded = np.minimum(occurred + rng.integers(0, 600_000_000, n), began + DAY_US - 1)
    kinds = pl.Series(KINDS[source], dtype=pl.String).gather(rng.choice(len(KINDS[source]), n, p=SHARES[source]))
    instant = pl.Datetime("us", "UTC")
    shared = pl.DataFrame({
        "event_id": pl.Series(np.arange(n) + number * 10_000_000).cast(pl.String),
        "customer_id": pl.Series(who).cast(pl.String).str.zfill(8),
        "kind": kinds,
        "occurred_at": pl.Series(occurred).cast(instant),
        "recorded_at": pl.Series(recorded).cast(instant),
        "stated_at": pl.Series(recorded).cast(instant),
    }).with_columns(batch=pl.lit(day), deleted=pl.lit(False))  # fmt: skip
    if source == "invoices":
        return shared.with_columns(amount_cents=pl.Series(rng.integers(100, 20_000, n)))
    return shared.with_columns(
        seconds=pl.Series(rng.integers(1, 3600, n)), bytes=pl.Series(rng.lognormal(11, 2, n).astype(np.int64))
    )
