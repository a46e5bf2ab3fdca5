"""`beforehand heldout`: may this customer be contacted, or are they held out? And: somebody contacted them all the same."""

from typing import Annotated

import typer

from cli.options import to_day
from cli.voice import VOICE, configured
from core.clock import now
from ledger.database import sessions


def heldout(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    issue: Annotated[str | None, typer.Option(help="From this issue's playbook or the programme; default: from any.")] = None,
    day: Annotated[str | None, typer.Option(metavar="DAY", help="On this day; default today.")] = None,
    contacted: Annotated[str | None, typer.Option(metavar="HOW", help="Tell that the customer was contacted, and how.")] = None,
    actor: Annotated[str, typer.Option("--as", metavar="NAME", help="Who tells it.")] = "",
) -> None:
    """Say whether a customer is held out; with --contacted, write down that somebody contacted them."""
    from outreach.contact import record_contact
    from outreach.heldout import heldout as look

    settings, instant = configured(), now()
    with sessions(settings).begin() as session:
        found = look(session, customer, day=to_day(day) or instant.date(), settings=settings, issue=issue)
        soiled = None if contacted is None else record_contact(session, customer, contacted, by=actor, now=instant)
    until = ", ".join(f"{scope} until {day}" for scope, day in found["scopes"].items())
    words = [f"{customer} is held out ({until}): leave them alone." if found["held_out"] else f"{customer} is not held out."]
    if soiled is not None:
        words.append(f"Written down; {soiled} readings will show it." if soiled else "Written down; no holdout is soiled by it.")
    VOICE.result(found | ({} if soiled is None else {"contaminated": soiled}), words)
