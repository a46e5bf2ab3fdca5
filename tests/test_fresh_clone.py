"""What a newcomer does: clone, `make run`, look at the report, `make run` again; with a small company, to save time."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.operation


@pytest.fixture
def clone():
    folder = Path(tempfile.mkdtemp(prefix="beforehand-clone-"))
    subprocess.run(["git", "clone", "-q", str(HOUSE), str(folder / "beforehand")], check=True)
    yield folder / "beforehand"
    shutil.rmtree(folder, ignore_errors=True)


def make_run(folder):
    foreign = ("DATABASE_URL", "AIRFLOW_DATABASE_URL", "BEFOREHAND_CONFIG", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    started = time.monotonic()
    command = ["make", "run", "ARGS=--customers 1500 --months 12"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=1700)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done, time.monotonic() - started


def test_one_command_takes_a_newcomer_from_a_clone_to_measured_outcomes(clone):
    done, first = make_run(clone)
    assert "Loyalty, contacted minus held out" in done.stdout
    assert (clone / "var" / "report.html").stat().st_size > 10_000
    assert any((clone / "var" / "mailbox").rglob("*.eml"))

    again, second = make_run(clone)
    assert "nothing changed" in again.stdout
    assert second < first / 3
