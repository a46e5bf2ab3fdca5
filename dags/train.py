"""Every week: train each issue's detector as of the last closed day; a better one becomes champion.

When: Sundays 04:00 UTC. On failure: the champion in use stays in use; clear the task.
Afterwards vectors older than [features] keep_days go, except those that a live flag or a kept model needs (0, the default: none go).
Safe to run again: training is seeded, the same day gives the same model. An issue that cannot be predicted is recorded
as such and flags nobody.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task


@task
def train(*, ti=None) -> list:
    from detectors.train import train_latest

    return train_latest(now=ti.start_date)


@task
def prune(*, ti=None) -> list:
    from detectors.uses import prune_vectors

    return prune_vectors(now=ti.start_date)


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
    train() >> prune()


train_detectors()
