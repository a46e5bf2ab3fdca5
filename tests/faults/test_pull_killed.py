"""A pull that is killed at any moment leaves the old state whole, and running it again gives what a clean run gives."""

import multiprocessing
import os
import signal
import time

import polars as pl
import pytest

from core.clock import moment_after
from core.settings import load_settings

SETTINGS = """
[company]
name = "Lumen Broadband"
from_address = "care@lumen.example"
reply_to = "help@lumen.example"
postal_address = "1 Harbour Street, 20457 Hamburg"
website = "https://lumen.example"
[storage]
root = "{root}"
"""
BILLING = """
role = "billing"
path = "{config}/raw/{day}.csv"
customer_id = "account"
event_id = "id"
quarantine_at_most = 0.2
[[event]]
kind = "paid"
occurred_at = "at"
columns = { plan = "plan" }
"""
DAYS = [f"2026-01-{day:02}" for day in range(1, 13)]


@pytest.fixture
def companies(tmp_path):
    """Two companies with one configuration and the same files: one to be killed, one left in peace."""
    for name in ("killed", "clean"):
        (tmp_path / name / "sources").mkdir(parents=True)
        (tmp_path / name / "raw").mkdir()
        (tmp_path / name / "settings.toml").write_text(SETTINGS.format(root=tmp_path / name / "var"))
        (tmp_path / name / "sources" / "billing.toml").write_text(BILLING)
        for n, day in enumerate(DAYS):
            rows = [f"{k},c{k % 7},{day},{'silver' if k % 11 == n else 'gold'}" for k in range(n * 30, n * 30 + 60)]
            (tmp_path / name / "raw" / f"{day}.csv").write_text("\n".join(["id,account,at,plan", *rows, f",c1,{day},gold"]))
    return [load_settings(tmp_path / name) for name in ("killed", "clean")]


def pull_all(folder):
    """Pull and close every day, as a child that may be killed does."""
    from feature_store.lake import close_day
    from feature_store.pull import pull_day

    settings = load_settings(folder)
    for day in DAYS:
        close_day([pull_day("billing", day=day, settings=settings)], day=day, settings=settings)


def state(settings):
    """Everything a reader may see: each evening's scan, the reports, the quarantine."""
    from datetime import date

    from feature_store import lake

    scans = [lake.scan(settings, "billing", before=moment_after(date.fromisoformat(day))).sort("event_id").collect() for day in DAYS]
    bad = [pl.read_parquet(file).drop("file", "original") for file in sorted((settings.root / "quarantine" / "billing").glob("*.parquet"))]
    return [frame.select(sorted(frame.columns)) for frame in scans], lake.pulls(settings), bad


def whole_or_not_at_all(seen, clean):
    """Whether each day's rows are all there, as in the clean run, or none is."""
    for day, mine, theirs in zip(DAYS, seen, clean, strict=True):
        mine, theirs = (frame.filter(pl.col("batch") == pl.lit(day).str.to_date()) for frame in (mine, theirs))
        if not (mine.is_empty() or mine.equals(theirs)):
            return False
    return True


def test_a_pull_killed_at_any_moment_and_run_again_is_as_if_it_had_never_been(companies):
    killed, clean = companies
    forks = multiprocessing.get_context("forkserver")  # so that a child need not import everything anew
    forks.set_forkserver_preload(["great_expectations", "feature_store.pull", "feature_store.lake"])

    def child(settings):
        process = forks.Process(target=pull_all, args=(str(settings.folder),))
        process.start()
        return process

    child(clean).join()
    scans, reports, bad = state(clean)
    assert scans[-1].height == len(DAYS) * 30 + 30
    for attempt in range(8):
        process = child(killed)
        time.sleep(0.05 + 0.23 * attempt)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert whole_or_not_at_all(state(killed)[0], scans)

    last = child(killed)
    last.join()
    assert last.exitcode == 0
    again_scans, again_reports, again_bad = state(killed)
    assert [mine.equals(theirs) for mine, theirs in zip(again_scans, scans, strict=True)] == [True] * len(DAYS)
    assert again_reports.filter(~pl.col("again")).equals(reports)
    assert [mine.equals(theirs) for mine, theirs in zip(again_bad, bad, strict=True)] == [True] * len(DAYS)
