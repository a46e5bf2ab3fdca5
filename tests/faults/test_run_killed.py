"""Killing the played route at any moment and running it again gives the ledger and the lake of one clean run."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.settings import load_settings
from feature_store.lake import scan
from feature_store.sources.configured import load_sources
from ledger import database
from outreach.keyed_hash import SECRET_ENV

HOUSE = Path(__file__).resolve().parents[2]
EVER = datetime(2100, 1, 1, tzinfo=UTC)
OF_A_FLAG = "select id, customer_id, issue, day from flags"


@dataclass(frozen=True)
class Home:
    """A folder with the demo's configuration, storage and ledger of its own."""

    folder: Path
    url: str

    def start(self, months):
        """Start playing a small made company; its calendar's end is fixed, so that two runs are about the same days."""
        command = [sys.executable, "-c", "from cli.app import main; main()", "demo", "--no-airflow", "--json",
                   "--customers", "1200", "--months", str(months), "--until", "2026-10-31"]  # fmt: skip
        environment = os.environ | {
            "DATABASE_URL": self.url, "BEFOREHAND_CONFIG": str(self.folder / "config"), "PYTHONPATH": str(HOUSE),
            SECRET_ENV: "ab" * 32,  # one for both, so that the codes in their letters are the same
        }  # fmt: skip
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, months):
        """Play to the end; return what the command printed."""
        out, err = (running := self.start(months)).communicate(timeout=900)
        assert running.returncode == 0, err.decode()[-3000:]
        return json.loads(out)


@pytest.fixture
def make_home(tmp_path, make_database):
    def make(name):
        folder = tmp_path / name
        shutil.copytree(HOUSE / "config", folder / "config", ignore=shutil.ignore_patterns("examples"))
        return Home(folder, make_database())

    return make


def ledger_of(home):
    """Return every ledger table as sorted rows, with surrogate numbers replaced by what they stand for."""
    engine = sa.create_engine(home.url)
    found = {}
    with engine.connect() as connection:
        flags = {row[0]: str(row[1:]) for row in connection.execute(sa.text(OF_A_FLAG))}
        for table in database.tables().sorted_tables:
            columns = [c.name for c in table.columns if c.name != "id"]
            rows = connection.execute(sa.select(*(table.c[name] for name in columns))).mappings()
            found[table.name] = sorted(
                str([flags.get(row[name], row[name]) if name == "flag_id" else row[name] for name in columns]) for row in rows
            )
    engine.dispose()
    return found


def lake_of(home):
    """Return every source's known rows, and every letter."""
    settings = load_settings(home.folder / "config")
    here = Path.cwd()
    os.chdir(home.folder)
    try:
        rows = {name: scan(settings, name, before=EVER).collect() for name in load_sources(settings)}
        letters = {p.name: p.read_bytes() for p in (home.folder / "var" / "mailbox").rglob("*.eml")}
        return {name: frame.sort(sorted(frame.columns), nulls_last=True) for name, frame in rows.items()}, letters
    finally:
        os.chdir(here)


@pytest.mark.operation
def test_ten_kills_and_a_rerun_leave_what_one_clean_run_leaves(make_home):
    pace, chance = 10, random.Random(20261123)
    clean, killed = make_home("clean"), make_home("killed")
    started = time.monotonic()
    clean.finish(pace)
    whole = time.monotonic() - started

    kills = 0
    while kills < 10:
        running = killed.start(pace)
        try:
            running.wait(timeout=chance.uniform(2.0, max(6.0, whole / 3)))
            break  # it came to its end between two kills
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
            kills += 1
    killed.finish(pace)

    assert kills >= 5
    first, second = ledger_of(clean), ledger_of(killed)
    for table in first:
        assert set(second[table]) ^ set(first[table]) == set(), table
        assert second[table] == first[table], table
    (lake, letters), (lake_again, letters_again) = lake_of(clean), lake_of(killed)
    for source, rows in lake.items():
        assert lake_again[source].equals(rows), source
    assert letters_again == letters
    assert letters


@pytest.mark.operation
def test_a_second_run_changes_nothing_and_says_so(make_home):
    home = make_home("twice")
    home.finish(9)
    before = ledger_of(home)

    again = home.finish(9)

    assert again["played"]["steps"] == 0
    assert ledger_of(home) == before
