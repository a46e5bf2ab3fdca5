"""Event data through the product itself: sources, gate, lake, features, training and flagging, then the backtest's figures."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from bench.detecting.part import Part
from bench.detecting.quality import judge_runs, run_of
from cli.play import pull_span
from core.settings import Settings, load_settings
from detectors.backtest import backtest

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
COMPANY = '''[company]
name           = "A shop"
from_address   = "care@shop.example"
reply_to       = "help@shop.example"
postal_address = "1 Example Square, Springfield"
website        = "https://shop.example"

[storage]
root = "var"

[training]
every_days   = 7
cutoffs      = 10
calibrate_on = 4
'''
CLICKS = '''role        = "telemetry"
path        = "clicks.csv"
history_until = 2024-07-01
customer_id = "user_id"
event_id    = "event_id"

[[event]]
kind        = { column = "event" }
occurred_at = "timestamp"
'''
CHAT = '''description  = "The customer opens a support chat after things went wrong"
gap_days     = 1
horizon_days = 28
capacity     = 3
at_risk      = ["clicks__count_90d >= 1"]

[trouble]
event = "clicks.support_chat"
'''
TICKET_OR_CHURN = '''description  = "The account opens a ticket or leaves"
gap_days     = 1
horizon_days = 30
capacity     = 2
at_risk      = ["accounts__tenure_days >= 0"]

[trouble]
any_of = ["tickets.opened", "departures.account_left"]
'''


@contextmanager
def workplace(data: Path, prepare: Callable[[Path], None]) -> Iterator[Settings]:
    """Work in a throw-away folder whose configuration `prepare` writes; its lake and its ledger lie there too."""
    os.environ.pop("DATABASE_URL", None)  # a bench writes to a database of its own
    os.environ["BEFOREHAND_DATA"] = str(data)
    with tempfile.TemporaryDirectory(prefix="beforehand-bench-", ignore_cleanup_errors=True) as folder, chdir(folder):
        (Path("config")).mkdir()
        prepare(Path("config"))
        yield load_settings("config")


def _example(name: str, **issues: str) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        shutil.copytree(EXAMPLES / name, folder, dirs_exist_ok=True)
        shutil.rmtree(folder / "playbooks")
        for issue, text in issues.items():
            shutil.rmtree(folder / "issues")
            (folder / "issues").mkdir()
            (folder / "issues" / f"{issue}.toml").write_text(text)

    return prepare


def completejourney(data: Path, seeds: int) -> Part:
    """Foresee no basket in the next 28 days: trained as of the end of June, flagged every week of July and August 2017."""
    test = tuple(date(2017, 7, 3) + timedelta(weeks=n) for n in range(9))
    return _tested("completejourney", data, _example("completejourney"), (date(2017, 1, 1), date(2017, 9, 30)), "gone_quiet",
                   date(2017, 6, 30), test)  # fmt: skip


def ravenstack(data: Path, seeds: int) -> Part:
    """Foresee a ticket or a departure within 30 days: trained as of the end of June 2024, flagged every fortnight until November."""
    test = tuple(date(2024, 7, 14) + timedelta(weeks=2 * n) for n in range(9))
    return _tested("ravenstack", data, _example("ravenstack", ticket_or_churn=TICKET_OR_CHURN), (date(2021, 6, 1), date(2024, 12, 31)),
                   "ticket_or_churn", date(2024, 6, 30), test)  # fmt: skip


def clickstream(data: Path, seeds: int) -> Part:
    """Foresee a support chat in the next 28 days: trained as of 5 May 2024, flagged every week of May."""

    def prepare(folder: Path) -> None:
        for kind in ("sources", "issues"):
            (folder / kind).mkdir()
        (folder / "settings.toml").write_text(COMPANY)
        (folder / "issues" / "chat.toml").write_text(CHAT)
        rows = pl.read_csv(data / "clickstream" / "ecom.csv.gz").with_row_index("event_id")
        rows.select("event_id", "user_id", "event", "timestamp").write_csv(folder / "clicks.csv")
        text = CLICKS.replace('"clicks.csv"', f'"{(folder / "clicks.csv").resolve()}"')
        (folder / "sources" / "clicks.toml").write_text(text)

    test = tuple(date(2024, 5, 6) + timedelta(weeks=n) for n in range(4))
    return _tested("clickstream", data, prepare, (date(2024, 1, 1), date(2024, 6, 30)), "chat", date(2024, 5, 5), test)


def _tested(
    name: str, data: Path, prepare: Callable[[Path], None], days: tuple[date, date], issue: str, train_to: date, test: tuple[date, ...]
) -> Part:
    part = Part(name)
    with workplace(data, prepare) as settings:
        pull_span(settings, *days)
        found = backtest(settings, issue, train_to=train_to, test=test, now=NOW)
    judge_runs(part, [run_of(found)])
    flags = found.flagged()
    part.rows.append([name, "flags by episode", f"{flags['flags']} flags", f"precision {flags['precision']}",
                      f"recall {flags['recall']}, lead {flags['lead_days']}, O/E {flags['observed_over_expected']}"])  # fmt: skip
    return part
