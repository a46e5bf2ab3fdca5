"""Every week: train each issue's detector as of the last closed day; a better one becomes champion.

When: Sundays 04:00 UTC. On failure: the champion in use stays in use; clear the task.
Safe to run again: training is seeded, the same day gives the same model. An issue that cannot be predicted is recorded
as such and flags nobody.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task


@task
def train(*, ti=None) -> list:
    from detectors.train import train_latest

    return train_latest(now=ti.start_date)


@dag(
    dag_id="train",
    schedule="0 4 * * 0",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=20)},
    doc_md=__doc__,
    tags=["beforehand"],
)
def train_detectors():
    train()


train_detectors()
