"""The real scheduler runs the last days of a small made company by itself, and nothing is left when it is stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from core.clock import last_whole_day, now

HOUSE = Path(__file__).resolve().parents[2]
SMALL = ["--customers", "500", "--months", "10"]
pytestmark = pytest.mark.slow


@pytest.fixture
def home(monkeypatch):
    """A folder with the demo's configuration; its PostgreSQL is its own, so no database is named."""
    folder = Path(tempfile.mkdtemp(prefix="beforehand-live-"))
    shutil.copytree(HOUSE / "config", folder / "config", ignore=shutil.ignore_patterns("examples"))
    for name in ("DATABASE_URL", "AIRFLOW_DATABASE_URL", "BEFOREHAND_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def start(folder, *arguments):
    command = [sys.executable, "-c", "from cli.app import main; main()", *arguments]
    environment = os.environ | {"PYTHONPATH": str(HOUSE)}
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def left_over(folder):
    """Return the processes that still work in or for `folder`."""
    found = []
    for each in psutil.process_iter(["cmdline", "status"]):
        words = " ".join(each.info["cmdline"] or [])
        try:
            here = each.cwd().startswith(str(folder))
        except (psutil.Error, OSError):
            here = False
        if (here or str(folder) in words) and each.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(words)
    return found


def test_three_days_run_by_themselves_with_the_day_as_partition_key(home):
    out, err = (running := start(home, "demo", *SMALL, "--json")).communicate(timeout=1200)
    assert running.returncode == 0, err.decode()[-4000:]
    facts = json.loads(out)

    end = last_whole_day(now() - timedelta(hours=2))
    days = [(end - timedelta(days=n)).isoformat() for n in (2, 1, 0)]
    done = {(run["dag_id"], run["partition_key"]): run for run in facts["airflow"]}
    assert set(done) >= {(dag, day) for dag in ("pull", "detect", "reach_out", "measure") for day in days}
    assert {run["state"] for run in done.values()} == {"success"}
    assert {task["state"] for run in done.values() for task in run["tasks"]} == {"success"}
    sources = len(list((home / "config" / "sources").glob("*.toml")))
    assert sum(task["task_id"] == "pull" for task in done["pull", days[0]]["tasks"]) == sources
    assert all(issue["reconciles"] for issue in facts["figures"]["issues"])
    assert left_over(home) == []

    again, err = (running := start(home, "demo", *SMALL, "--json")).communicate(timeout=300)
    assert running.returncode == 0, err.decode()[-4000:]
    assert json.loads(again)["played"]["steps"] == 0
    assert left_over(home) == []


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_run_leaves_no_process_behind(home, kind):
    running = start(home, "demo", *SMALL)
    time.sleep(25)  # Airflow is coming up and the past is being played

    running.send_signal(kind)
    _, err = running.communicate(timeout=90)

    assert running.returncode == 130, err.decode()[-2000:]
    assert left_over(home) == []
