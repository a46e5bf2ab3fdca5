"""The DAG files as Airflow itself reads them: the route's tasks, the assets between them, the day as the partition."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
READ = """
import json, logging, sys
logging.disable(logging.CRITICAL)
from datetime import UTC, datetime
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("dags")
pull = bag.dags["pull"]
def assets(task): return [a.name for a in task.outlets]
print("JSON" + json.dumps({
    "errors": bag.import_errors,
    "tasks": {name: sorted(dag.task_ids) for name, dag in bag.dags.items()},
    "outlets": {f"{name}.{t.task_id}": assets(t) for name, dag in bag.dags.items() for t in dag.tasks if t.outlets},
    "timetables": {name: type(dag.timetable).__name__ for name, dag in bag.dags.items()},
    "retried": [f"{n}.{t.task_id}" for n, dag in bag.dags.items() for t in dag.tasks if t.retries],
    "start": pull.start_date.isoformat(), "catchup": pull.catchup, "at_once": pull.max_active_runs,
}))
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """What Airflow makes of the folder, read in a process of its own."""
    home = tmp_path_factory.mktemp("airflow")
    environment = os.environ | {
        "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "PYTHONPATH": str(HOUSE), "BEFOREHAND_CONFIG": str(HOUSE / "config"), "BEFOREHAND_LIVE_FROM": "2026-03-29",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", READ], cwd=HOUSE, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.rpartition("JSON")[2])


def test_every_dag_file_is_read_without_error(read):
    assert read["errors"] == {}
    assert set(read["tasks"]) == {"pull", "detect", "reach_out", "send", "measure", "train", "watch"}


def test_the_days_route_is_chained_by_assets(read):
    assert read["outlets"] == {"pull.close": ["lake"], "detect.flags": ["flags"], "reach_out.send": ["reached"]}
    followers = {read["timetables"][name] for name in ("detect", "reach_out", "measure", "watch")}
    assert followers == {"PartitionedAssetTimetable"}
    assert read["timetables"]["pull"] == "CronPartitionTimetable"


def test_days_are_pulled_in_order_from_the_first_live_one_on(read):
    assert (read["start"], read["catchup"], read["at_once"]) == ("2026-03-30T00:00:00+00:00", True, 1)
