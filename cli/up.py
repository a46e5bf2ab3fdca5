"""`beforehand up`: keep the scheduler and its pages going until Ctrl-C."""

import time
from datetime import date
from typing import Annotated

import typer

from cli.live import scheduler_for
from cli.options import to_day
from cli.voice import VOICE, configured
from core.clock import last_whole_day, now
from core.settings import Settings


def up(
    port: Annotated[int, typer.Option(help="Where the Airflow UI listens, on this machine only.")] = 8080,
    live_from: Annotated[str | None, typer.Option(metavar="DAY", help="First day the scheduler shall catch up.")] = None,
) -> None:
    """Run the scheduler on the configured sources until Ctrl-C, and say where its pages are."""
    settings = configured()
    with scheduler_for(settings, to_day(live_from) or _first_open_day(settings), port=port) as scheduler:
        VOICE.say("Starting Airflow ...")
        scheduler.wait_until(scheduler.is_ready, seconds=600, what="its API and the DAGs")
        scheduler.unpause()
        password = scheduler.password()
        VOICE.say(f"Airflow: {scheduler.url}  (user admin, password {password}). Ctrl-C stops everything.")
        while scheduler.is_alive():
            time.sleep(1)
        VOICE.say(f"Airflow ended by itself. See {scheduler.log}.")


def _first_open_day(settings: Settings) -> date:
    from datetime import timedelta

    from feature_store.lake import last_closed

    closed = last_closed(settings)
    return closed + timedelta(days=1) if closed else last_whole_day(now())
