"""The demo's configuration fits the made company's files: everything is understood, and only broken rows are refused."""

import shutil
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from core.settings import load_settings
from detectors.issue import load_issues
from feature_store import lake
from feature_store.pull import pull_days
from feature_store.sources.configured import load_sources
from simulator.company import Company
from simulator.today import SOURCES
from simulator.truth import load_truth
from tests.simulator.conftest import FIRST

CONFIG = Path(__file__).parents[2] / "config"
LAST = FIRST + timedelta(days=3)
BROKEN = {
    "telemetry": ("user", (pl.col("action") == "???") | (pl.col("minutes") < 0)),
    "billing": ("account", (pl.col("type") == "invoice_isued") | (pl.col("currency") != "EUR")),
    "contacts": ("caller", (pl.col("topic") == "n/a") | (pl.col("waited_minutes") < 0)),
    "purchases": ("buyer", (pl.col("state") == "?") | (pl.col("currency") != "EUR")),
    "customers": ("account", pl.col("plan") == "???"),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo's configuration over four days of a small and dirty company."""
    root = tmp_path_factory.mktemp("demo")
    for kind in ("sources", "issues", "playbooks"):
        shutil.copytree(CONFIG / kind, root / "config" / kind)
    text = (CONFIG / "settings.toml").read_text()
    (root / "config" / "settings.toml").write_text(text.replace('root = "var"', f'root = "{root}"'))
    truth = load_truth()
    dirty = truth.model_copy(update={"dirt": truth.dirt.model_copy(update={"bad_share": 0.03})})
    Company.open(root / "company", customers=2_000, seed=5, first=FIRST, last=LAST, truth=dirty).write_until(LAST)
    return load_settings(root / "config")


def test_every_source_and_issue_of_the_demo_loads():
    settings = load_settings(CONFIG)

    assert set(load_sources(settings)) == set(SOURCES)
    watched_without_a_truth = {"card_running_out", "something_odd"}  # in shadow: nobody is told, so there is no effect to know
    assert set(load_issues(settings)) == set(load_truth().effects) | watched_without_a_truth


@pytest.mark.parametrize("source", SOURCES)
def test_every_good_row_is_kept_and_every_broken_one_is_refused(demo, source):
    raw = pl.read_parquet(demo.root / "company" / source / "*.parquet")
    customer, broken = BROKEN[source]
    bad = raw.filter(pl.col(customer).is_null() | broken.fill_null(False))

    report = pull_days(source, first=FIRST, last=LAST, settings=demo)

    assert (report.read, report.quarantined) == (len(raw), len(bad))
    assert report.read == report.kept + report.quarantined + sum(report.dropped.values())


def test_corrected_and_voided_orders_count_as_they_last_stood(demo):
    last = pl.read_parquet(demo.root / "company" / "purchases" / "*.parquet").filter(
        pl.col("state").is_in(["ordered", "corrected", "voided"]), pl.col("buyer").is_not_null(), pl.col("currency") == "EUR")
    last = last.sort("booked").unique("order", keep="last").filter(pl.col("state") != "voided")

    pull_days("purchases", first=FIRST, last=LAST, settings=demo)
    after = pl.lit(LAST + timedelta(days=1)).cast(pl.Datetime("us", "UTC"))
    known = lake.scan(demo, "purchases", before=pl.select(after).item()).collect()

    assert known["amount_cents"].sum() == round(last["price"].sum() * 100)
