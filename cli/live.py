"""The last days of the demo: the real scheduler pulls, detects and reaches out by itself; we watch through its API."""

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

from cli.scheduler import Scheduler, scheduled
from cli.voice import VOICE
from core.errors import BeforehandError
from core.settings import Settings

CHAIN = ("pull", "detect", "reach_out", "measure")
PATIENCE_SECONDS = 900.0


@contextlib.contextmanager
def scheduler_for(settings: Settings, live_from: date, *, port: int | None = None) -> Iterator[Scheduler]:
    """Yield a starting scheduler on our databases; it comes up on one core while the past is played on the other."""
    from ledger.database import airflow_database_url, database_url

    urls = {"database_url": database_url(settings), "airflow_url": airflow_database_url(settings)}
    with scheduled(Scheduler(settings, port=port, **urls), live_from=live_from) as scheduler:
        yield scheduler


def live_days_done(settings: Settings, live: list[date]) -> bool:
    """Whether the ledger says that every live day has been measured, the last step of the route."""
    from ledger.database import sessions
    from ledger.days import is_done

    with sessions(settings).begin() as session:
        return all(is_done(session, day, "measure") for day in live)


def live_days(settings: Settings, scheduler: Scheduler, live: list[date]) -> list[dict[str, Any]]:
    """Let Airflow run `live` by itself; return its runs with partition keys, states and tasks, as its API lists them."""
    VOICE.say("Waiting for Airflow to answer ...")
    scheduler.wait_until(scheduler.is_ready, seconds=PATIENCE_SECONDS, what="its API and the DAGs")
    scheduler.unpause(CHAIN)
    VOICE.say(f"The scheduler now runs {live[0]} to {live[-1]} by itself.")
    wanted = {(dag, day.isoformat()) for dag in CHAIN for day in live}
    _watch(scheduler, wanted)
    runs = listed(scheduler)
    (scheduler.home / "runs.json").write_text(json.dumps(runs, indent=1))
    return runs


def listed(scheduler: Scheduler) -> list[dict[str, Any]]:
    """Return every run of the chain with its tasks' states."""
    return [run | {"tasks": scheduler.tasks(dag, run["dag_run_id"])} for dag in CHAIN for run in scheduler.runs(dag)]


def _watch(scheduler: Scheduler, wanted: set[tuple[str, str]]) -> None:
    """Tell each run as it ends; a failed one ends the waiting with the place of its log."""
    told: set[tuple[str, str]] = set()
    end = time.monotonic() + PATIENCE_SECONDS
    while not wanted <= told:
        for run in (run for dag in CHAIN for run in scheduler.runs(dag)):
            key = (run["dag_id"], run["partition_key"])
            if run["state"] == "failed":
                raise BeforehandError(f"Airflow: {key[0]} failed for {key[1]}. Its task logs are in {scheduler.home / 'logs'}.")
            if run["state"] == "success" and key not in told:
                told.add(key)
                VOICE.say(f"  {key[1]}  {key[0]}: done")
        if time.monotonic() > end:
            raise BeforehandError(f"Airflow: waited {PATIENCE_SECONDS:.0f} s for {sorted(wanted - told)}. See {scheduler.log}.")
        time.sleep(1)
