"""The nudge: tell Airflow at once that a cohort was approved. The approval is a row in the ledger and counts without it.

The `send` DAG plans approved cohorts every quarter of an hour by itself; a nudge only makes it run now.
"""

import logging
from datetime import date
from typing import Any

import httpx

from console.airflow import PATIENCE_SECONDS, address_of, token_of
from core import clock
from core.settings import Settings
from ledger.acts import Act, acts_about
from ledger.database import sessions
from outreach.review import subject

LOG = logging.getLogger(__name__)
DAG = "send"
ACT, ACTOR = "nudge", "console"


def nudge(settings: Settings, issue: str, day: date) -> bool:
    """Ask Airflow to run the `send` DAG now; whatever it answers is kept in the audit trail. Return whether it will."""
    airflow = address_of(settings)
    if airflow is None:
        return False
    answered, said = True, "runs now"
    try:
        said = _trigger(settings, airflow)
    except (httpx.HTTPError, KeyError, ValueError) as error:
        answered, said = False, f"{type(error).__name__}: {error}"
        LOG.warning("%s: Airflow did not answer; the decision stands and the next run takes it up. %s", subject(issue, day), said)
    with sessions(settings).begin() as session:
        session.add(Act(actor=ACTOR, act=ACT, subject=subject(issue, day), detail={"answered": answered, "said": said}, at=clock.now()))
    return answered


def last_nudge(settings: Settings, issue: str, day: date) -> dict[str, Any] | None:
    """Return what the newest nudge about a cohort brought: answered, said, at; None where there was none."""
    with sessions(settings).begin() as session:
        newest = next((act for act in acts_about(session, subject(issue, day)) if act.act == ACT), None)
        return None if newest is None else {**newest.detail, "at": newest.at}


def _trigger(settings: Settings, airflow: str) -> str:
    with httpx.Client(base_url=airflow, timeout=PATIENCE_SECONDS) as client:
        token = token_of(settings, client)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        run = client.post(f"/api/v2/dags/{DAG}/dagRuns", json={"logical_date": None}, headers=headers).raise_for_status()
        return str(run.json()["dag_run_id"])
