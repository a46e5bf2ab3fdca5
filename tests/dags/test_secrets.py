"""What Airflow keeps as connections reaches the channels through the environment, and never a log."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
TASK = """
import json, os, sys
from datetime import datetime
from airflow.sdk import dag, task

@dag(schedule=None, start_date=datetime(2026, 1, 1))
def ask():
    @task
    def hand():
        from dags._secrets import KNOWN, hand_over
        hand_over()
        names = [name for variables in KNOWN.values() for name in variables]
        open(os.environ["ANSWER"], "w").write(json.dumps({name: os.environ.get(name) for name in names}))
    hand()

asked = ask()
if __name__ == "__main__":
    asked.test()
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run the hand-over as a real task; return what it found and what it printed."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "ask.py").write_text(TASK)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SENDGRID", "SMTP", "BEFOREHAND_WEBHOOK"))} | {
        "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(home),
        "PYTHONPATH": str(HOUSE), "ANSWER": str(home / "answer.json"), "SMTP_PASSWORD": "set-already",
        "AIRFLOW_CONN_BEFOREHAND_SENDGRID": json.dumps({"conn_type": "generic", "password": "SG.kept-by-airflow"}),
        "AIRFLOW_CONN_BEFOREHAND_SMTP": json.dumps({"conn_type": "generic", "login": "lumen", "password": "another"}),
    }  # fmt: skip
    migrated = subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=environment, capture_output=True, text=True, check=False, timeout=250)
    assert migrated.returncode == 0, migrated.stderr[-2000:]
    done = subprocess.run([sys.executable, str(home / "ask.py")], env=environment, capture_output=True, text=True, check=False, timeout=250)
    assert (home / "answer.json").exists(), done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads((home / "answer.json").read_text()), done.stdout + done.stderr


@pytest.mark.slow
def test_connections_become_the_variables_the_channels_read_and_what_is_set_stays(run):
    assert run[0] == {"SENDGRID_API_KEY": "SG.kept-by-airflow", "SMTP_USER": "lumen", "SMTP_PASSWORD": "set-already",
                      "BEFOREHAND_WEBHOOK_SECRET": None}  # fmt: skip


@pytest.mark.slow
def test_no_log_holds_them(run):
    assert run[1]
    assert "SG.kept-by-airflow" not in run[1]
    assert "set-already" not in run[1]
