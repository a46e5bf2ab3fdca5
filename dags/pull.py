"""Every night: pull each source's last whole day, gate it, lay it in the lake, and close the day.

When: 02:00 UTC, one run a day; the day is the run's partition key, and nothing later reads the clock to find it.
With BEFOREHAND_LIVE_FROM set (the first day to pull, 2026-03-31) every day since is caught up in order; else only the newest runs.
On failure: a bad day stops here, before anyone is contacted; mend the source or its expectations and clear the task.
Safe to run again: a closed day is never rewritten, rows first seen late are recorded on the day they were seen.
A backfill is a replay: its days yield vectors and flags, and nobody is contacted for them.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import Asset, CronPartitionTimetable, dag, task

CONFIG = Path(os.environ.get("BEFOREHAND_CONFIG", "config"))
LIVE_FROM = os.environ.get("BEFOREHAND_LIVE_FROM")
NIGHTLY = CronPartitionTimetable("0 2 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d")


@task
def pull(source: str, *, partition_key: str | None = None) -> str:
    from feature_store.pull import pull_day

    return pull_day(source, day=partition_key)


@task(outlets=[Asset("lake")])
def close(pulled: list[str], *, partition_key: str | None = None, dag_run=None) -> str:
    from feature_store.lake import close_day

    return close_day(list(pulled), day=partition_key, replay=dag_run.run_type == "backfill")


@dag(
    dag_id="pull",
    schedule=NIGHTLY,
    start_date=datetime.fromisoformat(LIVE_FROM or "2026-01-01").replace(tzinfo=UTC) + timedelta(days=1),
    catchup=bool(LIVE_FROM),
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=20)},
    doc_md=__doc__,
    tags=["beforehand"],
)
def pull_sources():
    close(pull.expand(source=sorted(path.stem for path in CONFIG.glob("sources/*.toml"))))


pull_sources()
