"""What was missed, beside what the made company's maker knows: whether there were signs to be seen."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from core.clock import moment_after
from core.settings import load_settings
from detectors.missed import groups, missed_between
from feature_store.lake import close_days
from feature_store.pull import pull_days
from feature_store.sources.configured import load_sources
from ledger.flags import Flag
from ledger.models import Model
from simulator.company import Company
from simulator.oracle import week_file

CONFIG = Path(__file__).resolve().parents[2] / "config"
FIRST, LAST = date(2025, 1, 1), date(2025, 5, 13)
NOW = datetime(2025, 5, 14, 6, tzinfo=UTC)
WEEKS = range(12, 19)
pytestmark = pytest.mark.slow


@pytest.fixture
def lumen(settings):
    """Four months of the made company in the lake, watched for three of its four troubles."""
    for kind in ("sources", "issues"):
        shutil.copytree(CONFIG / kind, settings.folder / kind, dirs_exist_ok=True)
    for unwatched in ("fee_shock", "something_odd", "card_running_out"):
        (settings.folder / "issues" / f"{unwatched}.toml").unlink()
    with (settings.folder / "settings.toml").open("a") as file:
        file.write('[loyalty]\ncontacts_source = "contacts"\n')
    company = Company.open(settings.root / "company", customers=1500, seed=3, first=FIRST, last=LAST)
    company.write_until(LAST)
    for source in load_sources(settings):
        pull_days(source, first=FIRST, last=LAST, settings=settings)
    close_days(settings, FIRST, LAST)
    return load_settings(settings.folder)


def signs(settings, week):
    """What the maker knew as a week began: customer_id, and for each issue how far the signs had come."""
    frame = pl.read_parquet(week_file(Path(str(settings.root)) / "company", week)).with_row_index("n")
    return frame.with_columns(customer_id=pl.format("c{}", pl.col("n").cast(pl.String).str.zfill(6)), eve=pl.lit(FIRST + timedelta(days=7 * week - 1)))


def test_the_reasons_agree_with_the_truth(lumen, session):
    known = pl.concat([signs(lumen, week) for week in WEEKS])
    ids = pl.Series(sorted(set(known["customer_id"])))
    for issue, state in [("app_trouble", "champion"), ("payment_failing", "champion"), ("sudden_call", "not_predictable")]:
        session.add(Model(sha=issue, issue=issue, detector="learned", state=state, trained_on=FIRST, feature_set="v", scores={},
                          flag_at=0.5, created_at=NOW))  # fmt: skip
    flagged = known.filter(pl.col("app_trouble") == 1).unique("customer_id", keep="first", maintain_order=True)
    for who, eve in flagged.select("customer_id", "eve").iter_rows():
        session.add(Flag(customer_id=who, issue="app_trouble", day=eve, probability=0.5, reasons=[], evidence={}, detector="learned", created_at=NOW))
    session.commit()

    first = FIRST + timedelta(days=7 * WEEKS[0])
    found = missed_between(lumen, session, first, LAST, known_before=moment_after(LAST))
    by_event = {g["event"]: g for g in groups(found).to_dicts()}

    assert found["customer_id"].is_in(ids.implode()).mean() > 0.95, "the maker's customers are ours"
    dispute, call, broken, stopped = (by_event[e] for e in ("contacts.billing_dispute", "contacts.sudden_call", "contacts.app_broken",
                                                            "billing.service_suspended"))  # fmt: skip
    assert dispute["no_detector"] == dispute["n"] > 15
    assert call["no_data"] == call["n"] > 15
    assert stopped["below_the_line"] == stopped["n"] > 10
    assert broken["foreseen"] / broken["n"] > 0.5, "whose signs had come as a week began was flagged"
    assert broken["foreseen"] + broken["too_late"] + broken["below_the_line"] == broken["n"]
    assert had_signs(found, known, "contacts.billing_dispute", "fee_shock") > 0.9, "what no detector looked for could have been seen"
    assert had_signs(found, known, "contacts.sudden_call", "fee_shock") < 0.3, "and what has no sign could not"


def had_signs(found, known, event, issue):
    """The share of troubles of whose signs something was there as a week began, within eight weeks before."""
    struck = found.filter(pl.col("event") == event).with_row_index("n_of")
    seen = known.filter(pl.col(issue) > 0).select("customer_id", "eve")
    met = struck.join(seen, on="customer_id").filter(pl.col("eve") < pl.col("occurred_at").dt.date(),
                                                     pl.col("eve") >= pl.col("occurred_at").dt.date() - timedelta(days=56))  # fmt: skip
    return met["n_of"].n_unique() / max(struck.height, 1)
