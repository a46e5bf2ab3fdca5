"""When a day has been acted on: read loyalty at 1, 6 and 18 months for every issue and month of assignment.

When: on the `reached` asset, for its partition (the day). On failure: nothing but the readings waits; clear the task.
Safe to run again: a reading is issued once, a changed one is a numbered revision, "not yet readable" is a row as well.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Asset, PartitionedAssetTimetable, dag, task


@task
def readings(*, partition_key: str | None = None, ti=None) -> dict:
    from loyalty.reading import measure_day

    return measure_day(day=partition_key, now=ti.start_date)


@dag(
    schedule=PartitionedAssetTimetable(assets=Asset("reached")),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=20)},
    doc_md=__doc__,
    tags=["beforehand"],
)
def measure():
    readings()


measure()
