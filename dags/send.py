"""Every quarter of an hour: plan cohorts approved since, do what is due, send what is due, expire leases, reconcile the counts.

When: every 15 minutes, UTC. On failure: a message or an action whose call may have happened is `uncertain` and never done
again; the rest stays planned. A mismatch in the counts pulls the issue's brake: `beforehand brake` says which and why.
Safe to run again, and beside itself: a message is claimed by one sender only.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import chain, dag, task


@task
def plan_approved(*, ti=None) -> dict:
    from outreach.plan import plan_approved

    return plan_approved(now=ti.start_date)


@task
def act() -> dict:
    from outreach.act import act_due

    return act_due()


@task
def send() -> dict:
    from dags._secrets import send_due

    return send_due()


@task
def reconcile(*, ti=None) -> int:
    from outreach.reconcile import reconcile_all

    return reconcile_all(now=ti.start_date)


@dag(
    dag_id="send",
    schedule="*/15 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=20)},
    doc_md=__doc__,
    tags=["beforehand"],
)
def send_due_messages():
    chain(plan_approved(), act(), send(), reconcile())


send_due_messages()
