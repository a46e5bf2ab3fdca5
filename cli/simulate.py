"""`beforehand simulate`: write the made company's source files."""

from typing import Annotated

import typer

from cli.options import day_or_yesterday, to_day
from cli.voice import VOICE, configured
from core.clock import add_months


def simulate(
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Last day to write; default yesterday.")] = None,
    since: Annotated[str | None, typer.Option(metavar="DAY", help="First day; default 36 months before.")] = None,
    customers: Annotated[int, typer.Option(min=10, help="How many customers the company begins with.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same company.")] = 1,
) -> None:
    """Write the made company's source files up to a day; a second call goes on where the first one ended."""
    from simulator.company import Company
    from simulator.outcome import accepted_messages

    settings, last = configured(), day_or_yesterday(until)
    folder = str(settings.place("company"))
    kept = Company.saved(folder)
    if kept is not None:
        customers, seed, first = kept.customers, kept.seed, kept.first
    else:
        first = to_day(since) or add_months(last, -36)
    company = Company.open(folder, customers=customers, seed=seed, first=first, last=last)
    company.write_until(last, contacts=accepted_messages(settings))
    facts = {"folder": str(folder), "written_until": company.written_until, "customers": customers, "seed": seed}
    VOICE.result(facts, [f"The made company's files are in {folder}, up to {company.written_until}."])
