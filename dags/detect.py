"""When a day is closed: compute features as of it, score every issue, open flags, form cohorts.

When: on the `lake` asset, for the partition (the day) that was closed. On failure: nobody was contacted; clear the task.
Safe to run again: the day's vectors come out the same, and a flag is added once per customer and issue. A backfilled
day is a replay: its flags are marked so and never acted on.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Asset, PartitionedAssetTimetable, dag, task


@task
def features(*, partition_key: str | None = None) -> str:
    from feature_store.build import build_day

    return build_day(day=partition_key)


@task(outlets=[Asset("flags")])
def flags(vectors: str, *, partition_key: str | None = None, ti=None) -> int:
    from detectors.score import flag_day

    return flag_day(vectors, day=partition_key, now=ti.start_date)


@dag(
    schedule=PartitionedAssetTimetable(assets=Asset("lake")),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=20)},
    doc_md=__doc__,
    tags=["beforehand"],
)
def detect():
    flags(features())


detect()
