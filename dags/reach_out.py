"""When a day has its flags: refresh addresses, hear what the day says, approve within limits, gate, draw, plan, act, send.

When: on the `flags` asset, for its partition (the day). Cohorts above the limit wait for a person; their approval is a
row in the ledger, and the `send` DAG picks them up, so an asset event is never needed for a message to leave.
On failure: clear the task; the gate, the arms, the actions and the messages have keys that are unique for good.
Safe to run again: yes, any number of times. A replayed or stale day contacts nobody.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Asset, PartitionedAssetTimetable, chain, dag, task


@task
def addresses(*, partition_key: str | None = None, ti=None) -> int:
    from outreach.addresses import sync_day

    return sync_day(day=partition_key, now=ti.start_date)


@task
def news(*, partition_key: str | None = None, ti=None) -> dict:
    from outreach.news import read_news

    return read_news(day=partition_key, now=ti.start_date)


@task
def review(*, partition_key: str | None = None, ti=None) -> dict:
    from outreach.review import review_day

    return review_day(day=partition_key, now=ti.start_date)


@task
def plan(*, partition_key: str | None = None, ti=None) -> dict:
    from outreach.plan import plan_day

    return plan_day(day=partition_key, now=ti.start_date)


@task
def act() -> dict:
    from outreach.act import act_due

    return act_due()


@task(outlets=[Asset("reached")])
def send() -> dict:
    from dags._secrets import send_due

    return send_due()


@dag(
    schedule=PartitionedAssetTimetable(assets=Asset("flags")),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=20)},
    doc_md=__doc__,
    tags=["beforehand"],
)
def reach_out():
    chain(addresses(), news(), review(), plan(), act(), send())


reach_out()
