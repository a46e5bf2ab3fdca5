"""The made company writes the same bytes however it is called, killed and called again."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from core.errors import ConfigError, LedgerError
from simulator.company import Company
from simulator.today import SOURCES
from tests.simulator.conftest import FIRST, make, morning

SMALL, WEEKS = 400, 5
LAST = FIRST + timedelta(days=7 * WEEKS - 1)
KILLED_AT = """
import os, signal, sys
from datetime import date
from simulator import files
from simulator.company import Company
left, replace = int(sys.argv[2]), os.replace
def dying(a, b):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(a, b)
files.os.replace = dying
first, last = (date.fromisoformat(text) for text in sys.argv[3:5])
Company.open(sys.argv[1], customers=400, seed=5, first=first, last=last).write_until(last)
"""


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def at_once(tmp_path_factory):
    return content(make(tmp_path_factory.mktemp("once"), customers=SMALL, days=7 * WEEKS).folder)


def test_each_source_hands_over_a_file_a_day(at_once):
    days = {(FIRST + timedelta(days=n)).isoformat() for n in range(7 * WEEKS)}

    assert {name for name in at_once if not name.startswith("truth/")} == {
        "state.parquet", *(f"{source}/{day}.parquet" for source in SOURCES for day in days)}


def test_the_bytes_do_not_depend_on_how_the_calls_are_cut(at_once, tmp_path):
    for days in (7, 7, 3, 1, 10, 7):
        company = Company.open(tmp_path, customers=SMALL, seed=5, first=FIRST, last=LAST)
        company.write_until((company.written_until or FIRST - timedelta(days=1)) + timedelta(days=days))

    assert content(tmp_path) == at_once


@pytest.mark.parametrize("replaced", [30, 181])     # in the first block of days, at the state itself
def test_a_run_killed_at_any_file_and_run_again_gives_the_same_bytes(at_once, tmp_path, replaced):
    assert replaced <= len(at_once)
    # a hard death between two renames, as kill -9 or a power cut gives it
    script = [sys.executable, "-c", KILLED_AT, str(tmp_path), str(replaced), FIRST.isoformat(), LAST.isoformat()]
    died = subprocess.run(script, check=False, env={**os.environ, "PYTHONPATH": "."})
    assert died.returncode == -9

    make(tmp_path, customers=SMALL, days=7 * WEEKS)

    assert content(tmp_path) == at_once


def test_a_second_call_for_the_same_day_writes_nothing(tmp_path):
    company = make(tmp_path, customers=SMALL, days=10)
    before = content(tmp_path)

    assert company.write_until(company.last) == 0
    assert content(tmp_path) == before


def test_a_message_changes_nothing_before_the_day_after_it(at_once, tmp_path):
    everybody = pl.DataFrame({"customer_id": [f"c{n:06d}" for n in range(SMALL)]}).with_columns(
        issue=pl.lit("fee_shock"), at=pl.lit(morning(20)))

    changed = content(make(tmp_path, contacts=everybody, customers=SMALL, days=7 * WEEKS).folder)

    different = {Path(name).stem for name in at_once if changed[name] != at_once[name] and "state" not in name}
    assert min(different) == (FIRST + timedelta(days=21)).isoformat()
    assert not [name for name in different if name.startswith("week")], "hazards without messages must not know of messages"


def test_some_who_are_told_ask_about_it(tmp_path):
    company = make(tmp_path, days=30, contacts=pl.DataFrame({"customer_id": [f"c{n:06d}" for n in range(2000)]}).with_columns(
        issue=pl.lit("fee_shock"), at=pl.lit(morning(20))))

    asked = pl.read_parquet(company.folder / "contacts" / "*.parquet").filter(pl.col("topic") == "about_message")

    assert 150 < len(asked) < 250                        # a tenth of them
    assert asked["opened"].min() > morning(20)


def test_nobody_who_left_is_seen_again(world, rows):
    left = pl.DataFrame({"who": range(len(world.people)), "left": world.people.left})

    for source in rows.values():
        seen = source.join(left, on="who").filter(pl.col("day") >= pl.col("left") + 1)
        assert seen.is_empty()


def test_the_base_stays_about_as_large_as_it_was(world):
    there = (world.people.left > world.days_written).sum()

    assert 0.7 * world.customers < there < 1.3 * world.customers


def test_another_company_in_the_folder_is_refused_in_words(tmp_path):
    make(tmp_path, customers=SMALL, days=3)

    with pytest.raises(ConfigError, match="seed of the made company saved here is 5, asked for was 6"):
        Company.open(tmp_path, customers=SMALL, seed=6, first=FIRST, last=LAST)


def test_a_saved_company_is_found_without_knowing_what_it_was_made_of(tmp_path):
    assert Company.saved(tmp_path) is None
    made = make(tmp_path, customers=SMALL, days=3)

    found = Company.saved(tmp_path)

    assert (found.customers, found.seed, found.first, found.written_until) == (SMALL, 5, FIRST, made.last)


def test_a_day_beyond_the_calendar_is_refused(tmp_path):
    company = Company.open(tmp_path, customers=SMALL, seed=5, first=FIRST, last=FIRST)

    with pytest.raises(ConfigError, match="calendar ends on 2025-01-06"):
        company.write_until(LAST)


def test_contacts_without_a_time_are_refused(tmp_path):
    company = Company.open(tmp_path, customers=SMALL, seed=5, first=FIRST, last=LAST)

    with pytest.raises(LedgerError, match="column 'at' is missing"):
        company.write_until(FIRST, contacts=pl.DataFrame({"customer_id": ["c000001"], "issue": ["fee_shock"]}))
