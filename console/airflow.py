"""Airflow, asked for the runs of our DAGs through its REST API; that it does not answer is a sentence, never an error.

Inside Airflow it is asked as the user who is signed in there; alone as [console] airflow_user with BEFOREHAND_AIRFLOW_PASSWORD.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from fastapi import Request

from core.errors import MissingError
from core.settings import Settings

DAGS = ("pull", "detect", "watch", "reach_out", "measure", "send", "train")  # in the order of a day
PASSWORD_ENV = "BEFOREHAND_AIRFLOW_PASSWORD"
ADDRESS_ENV = "BEFOREHAND_AIRFLOW"  # what `beforehand up` says of the Airflow it starts
COOKIE = "_token"  # in which Airflow's own pages keep who is signed in
PATIENCE_SECONDS = 3.0
RUNS = 5


@dataclass(frozen=True)
class Run:
    """One run of a DAG: for which day, and how it went."""

    run_id: str
    day: str | None
    state: str
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Dag:
    """One DAG: whether it may run, and its newest runs, the last one first."""

    name: str
    paused: bool
    runs: tuple[Run, ...]
    url: str

    @property
    def last(self) -> Run | None:
        """The newest run."""
        return self.runs[0] if self.runs else None


def address_of(settings: Settings) -> str | None:
    """Return where Airflow answers, without a slash at the end: [console] airflow, or what started this process says; None for nowhere."""
    base = settings.console.airflow or os.environ.get(ADDRESS_ENV)
    return base.rstrip("/") if base else None


def dags(request: Request) -> list[Dag]:
    """Return our DAGs with their newest runs. Raise MissingError with the reason where Airflow does not tell."""
    base = address_of(request.app.state.settings)
    if base is None:
        raise MissingError("Where Airflow answers is not stated: [console] airflow in settings.toml.")
    try:
        with httpx.Client(base_url=base, timeout=PATIENCE_SECONDS) as client:
            client.headers["authorization"] = f"Bearer {_token(request, client)}"
            return [_dag(client, name, base) for name in DAGS]
    except httpx.HTTPStatusError as error:
        raise MissingError(f"Airflow at {base} answered {error.response.status_code} to {error.request.url.path}. {_hint(request)}") from error
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise MissingError(f"Airflow at {base} does not answer: {error or type(error).__name__}. {_hint(request)}") from error


def _token(request: Request, client: httpx.Client) -> str:
    if request.app.state.inside_airflow:  # whoever looks sees what Airflow lets them see, whatever the console itself may ask
        token = request.cookies.get(COOKIE)
    else:
        token = token_of(request.app.state.settings, client)
    if not token:
        raise MissingError(f"Airflow wants to know who asks. {_hint(request)}")
    return token


def token_of(settings: Settings, client: httpx.Client) -> str | None:
    """Return what Airflow gives to [console] airflow_user for the password in the environment; None where there is none."""
    password = os.environ.get(PASSWORD_ENV)
    if not password:
        return None
    answer = client.post("/auth/token", json={"username": settings.console.airflow_user, "password": password})
    return str(answer.raise_for_status().json()["access_token"])


def _hint(request: Request) -> str:
    if request.app.state.inside_airflow:
        return "Sign in to Airflow, and load this page again."
    return f"[console] airflow_user in settings.toml and {PASSWORD_ENV} in the environment say who asks."


def _dag(client: httpx.Client, name: str, base: str) -> Dag:
    known = client.get(f"/api/v2/dags/{name}").raise_for_status().json()
    asked = client.get(f"/api/v2/dags/{name}/dagRuns", params={"limit": RUNS, "order_by": "-run_after"})
    return Dag(name, bool(known["is_paused"]), tuple(_run(each) for each in asked.raise_for_status().json()["dag_runs"]),
               f"{base}/dags/{name}")  # fmt: skip


def _run(told: dict[str, Any]) -> Run:
    return Run(told["dag_run_id"], told.get("partition_key"), told["state"], _moment(told.get("start_date")), _moment(told.get("end_date")))


def _moment(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None
