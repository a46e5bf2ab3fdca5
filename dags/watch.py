"""When a day has its flags: look at the models in use for drift and age, and count the troubles nobody foresaw.

When: on the `flags` asset, for its partition (the day). A model that cannot be loaded, or was not held against what
happened for long, pulls the brake of its issue: nothing of it is sent until a person lifts it.
On failure: nobody is contacted or held up by it; clear the tasks.
Safe to run again: a look is written once a day and model; the missed are counted anew for the newest week.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Asset, PartitionedAssetTimetable, dag, task


@task
def models(*, partition_key: str | None = None, ti=None) -> dict:
    from detectors.watch import watch_day

    return watch_day(day=partition_key, now=ti.start_date)


@task
def missed(*, partition_key: str | None = None, ti=None) -> dict:
    from detectors.missed import missed_day

    return missed_day(day=partition_key, now=ti.start_date)


@dag(
    schedule=PartitionedAssetTimetable(assets=Asset("flags")),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=20)},
    doc_md=__doc__,
    tags=["beforehand"],
)
def watch():
    models()
    missed()


watch()
