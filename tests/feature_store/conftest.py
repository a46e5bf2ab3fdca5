"""A made company without a ledger, and short ways to write its sources' files and rows of the lake."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from core.settings import load_settings

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
ROW = {
    "event_id": pl.String, "customer_id": pl.String, "kind": pl.String, "occurred_at": pl.Datetime("us", "UTC"),
    "recorded_at": pl.Datetime("us", "UTC"), "stated_at": pl.Datetime("us", "UTC"), "batch": pl.Date,
    "deleted": pl.Boolean, "plan": pl.String,
}  # fmt: skip


@pytest.fixture
def company(tmp_path):
    """Settings of a company whose storage and configuration lie in tmp_path; it has no ledger."""
    (tmp_path / "config" / "sources").mkdir(parents=True)
    (tmp_path / "config" / "settings.toml").write_text(COMPANY.format(root=tmp_path / "var"))
    return load_settings(tmp_path / "config")


@pytest.fixture
def source_file(company):
    """Write config/sources/<name>.toml."""

    def write(name, text):
        (company.folder / "sources" / f"{name}.toml").write_text(text)

    return write


@pytest.fixture
def deliver(company):
    """Write a file below <root>/raw, as a source would deliver it."""

    def write(path, content):
        file = company.root / "raw" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


@pytest.fixture
def at():
    """An instant of January 2026, UTC."""
    return lambda day, hour=0, minute=0: datetime(2026, 1, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def on():
    """A day of January 2026."""
    return lambda day: date(2026, 1, day)


@pytest.fixture
def lake_rows():
    """Rows as lake.add takes them, from (event_id, occurred_at, recorded_at, batch, plan, deleted)."""

    def make(*rows):
        full = [(i, f"customer-{i}", "changed", o, r, r, b, d, p) for i, o, r, b, p, d in rows]
        return pl.DataFrame(full, schema=ROW, orient="row")

    return make
