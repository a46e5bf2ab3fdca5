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
        VOICE.say(f"The console: {scheduler.url}/beforehand/, or Console in Airflow's navigation. {_who_may_sign_in(settings, scheduler.url)}")
        while scheduler.is_alive():
            time.sleep(1)
        VOICE.say(f"Airflow ended by itself. See {scheduler.log}.")


def _who_may_sign_in(settings: Settings, url: str) -> str:
    """Say how people get in; a link made by the command line leads to where [console] address says the pages are."""
    from ledger.database import sessions
    from ledger.people import active_admins

    with sessions(settings).begin() as session:
        admins = active_admins(session)
    if admins:
        return "People sign in there with the console's own account, not Airflow's."
    return (f'Nobody may sign in yet: set address = "{url}/beforehand" below [console] in {settings.folder / "settings.toml"}, '
            "and in another terminal: beforehand people add ADDRESS --role admin")  # fmt: skip


def _first_open_day(settings: Settings) -> date:
    from datetime import timedelta

    from feature_store.lake import last_closed

    closed = last_closed(settings)
    return closed + timedelta(days=1) if closed else last_whole_day(now())
