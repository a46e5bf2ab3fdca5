"""A small made company in a lake: what its customers did, and helpers that read like the sentences of a test."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from core.settings import load_settings
from detectors.detector import Examples
from feature_store import bookkeeping, lake

DAY = timedelta(days=1)
FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
COMPANY = """
[company]
name = "Lumen Broadband"
from_address = "care@lumen.example"
reply_to = "help@lumen.example"
postal_address = "1 Harbour Street, 20457 Hamburg"
website = "https://lumen.example"

[storage]
root = "{root}"
"""
SOURCE = """
role = "{role}"
path = "{{root}}/{name}/{{day}}.csv"
customer_id = "customer"
event_id = "id"
[[event]]
kind = {{ column = "what" }}
occurred_at = "at"
"""


def at(day, hour=12):
    """An instant of a day, or of a number of days after the first."""
    day = FIRST + day * DAY if isinstance(day, int) else day
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)


class World:
    """Events written into the lake as a pull would have, and the days closed."""

    def __init__(self, settings):
        self.settings = settings

    def source(self, name, rows, role="billing", last=LAST, name_of_id=None):
        """Write a source's file and its events: (customer, kind, instant[, columns])."""
        (self.settings.folder / "sources" / f"{name}.toml").write_text(SOURCE.format(name=name, role=role))
        frame = pl.DataFrame(
            [{"customer_id": r[0], "kind": r[1], "occurred_at": r[2], **(r[3] if len(r) > 3 else {})} for r in rows],
            infer_schema_length=None,
        )
        self.write(name, frame, last, name_of_id)

    def write(self, name, frame, last=LAST, name_of_id=None, recorded_at=None):
        """Write a frame of customer_id, kind, occurred_at and own columns; recorded when it occurred, unless said otherwise."""
        frame = frame.sort("occurred_at").with_columns(pl.col("occurred_at").cast(pl.Datetime("us", "UTC")))
        events = frame.with_columns(
            event_id=pl.format((name_of_id or name) + "-{}", pl.int_range(pl.len())), recorded_at=pl.lit(recorded_at) if recorded_at else "occurred_at",
            stated_at="occurred_at", batch=pl.lit(last), deleted=pl.lit(False),
        )  # fmt: skip
        lake.add(self.settings, name, events, first=FIRST, last=last)
        row = {"source": name, "first": FIRST, "last": last, "again": False, "read": events.height,
               "kept": events.height, "quarantined": 0, "dropped": "{}", "signature": ""}  # fmt: skip
        bookkeeping.record_pull(self.settings, row)

    def close(self, last=LAST, replay=False):
        """Close the days until `last`."""
        before = lake.last_closed(self.settings)
        lake.close_days(self.settings, before + DAY if before else FIRST, last, replay=replay)

    def issue(self, name, text):
        """Write an issue's file."""
        (self.settings.folder / "issues" / f"{name}.toml").write_text(text)


@pytest.fixture
def on_day():
    """An instant: 00:00 so many days after the first."""
    return lambda days: at(0, 0) + days * DAY


@pytest.fixture
def company(tmp_path):
    """Settings of a company whose storage and configuration lie in tmp_path; it has no ledger."""
    for kind in ("sources", "issues", "playbooks"):
        (tmp_path / "config" / kind).mkdir(parents=True)
    (tmp_path / "config" / "settings.toml").write_text(COMPANY.format(root=tmp_path / "var"))
    return load_settings(tmp_path / "config")


@pytest.fixture
def world(company):
    """A lake to write into, without a ledger."""
    return World(company)


def make_failing_company(customers=1500, days=365, seed=0, share=0.25, signal=True):
    """Events of customers, a share of whose cards fail three times in the ten days before they cancel a delivery.

    Without `signal` the failures come to anybody, at any time.
    """
    rng, frames = np.random.default_rng(seed), []

    def add(kind, who, when, **columns):
        frames.append(pl.DataFrame({"customer_id": [f"c{i:05}" for i in who], "kind": kind,
                                    "occurred_at": [at(0, 0) + timedelta(days=float(d)) for d in when], **columns},
                                   schema_overrides={"amount_cents": pl.Int64}))  # fmt: skip

    who = np.repeat(np.arange(customers), days // 28)
    add("payment_succeeded", who, rng.uniform(0, days, len(who)), amount_cents=rng.integers(900, 5000, len(who)))
    troubled = rng.choice(customers, int(customers * share * (days + 40) / 90), replace=True)
    strikes = rng.uniform(20, days + 40, len(troubled))
    add("service_lost", troubled, strikes)
    for _ in range(3):
        before = strikes - rng.uniform(0, 12, len(strikes)) if signal else rng.uniform(0, days, len(strikes))
        who = troubled if signal else rng.choice(customers, len(troubled))
        add("payment_failed", who, np.maximum(before, 0))
    frame = pl.concat(frames, how="diagonal")
    return frame.filter(pl.col("occurred_at") < at(0, 0) + days * DAY)


def labelled(seed=0, n=3000, days=4):
    """Made examples: customers whose failures bring trouble, some numbers missing."""
    rng = np.random.default_rng(seed)
    numbers = np.column_stack([rng.poisson(0.7, n), rng.normal(size=n), rng.exponential(1, n)]).astype(np.float32)
    numbers[rng.random(n) < 0.1, 2] = np.nan
    struck = rng.random(n) < np.minimum(0.02 + 0.15 * numbers[:, 0], 0.9)
    return Examples(("failures", "noise", "gaps"), tuple(date(2026, 1, 1 + m) for m in range(days)), numbers, struck, np.where(struck, 5.0, np.nan),
                    np.ones(n), rng.integers(0, days, n), rng.integers(0, 2**32, n), np.full(days, n // days))  # fmt: skip


@pytest.fixture(scope="session")
def examples():
    """Make labelled examples from a seed."""
    return labelled


@pytest.fixture
def live(settings):
    """A lake to write into, with a ledger beside it."""
    return World(settings)


@pytest.fixture(scope="session")
def failing_company():
    """Make the events of a company whose payments fail."""
    return make_failing_company


@pytest.fixture
def billing_file():
    """Write the file of the source `billing`."""

    def write(world):
        text = SOURCE.format(name="billing", role="billing")
        (world.settings.folder / "sources" / "billing.toml").write_text(text)

    return write


@pytest.fixture
def first_day():
    """The first day of the made lake."""
    return FIRST
