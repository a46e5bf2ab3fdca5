"""`beforehand pull`: fetch, gate and store what the sources say of some days."""

from typing import Annotated

import typer

from cli.options import day_or_yesterday, to_day
from cli.voice import VOICE, configured


def pull(
    source: Annotated[list[str] | None, typer.Argument(help="Which sources; default all of them.")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day; default the last one.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day; default yesterday.")] = None,
) -> None:
    """Pull sources for some days through the gate into the lake, and close those days when all sources are in."""
    from core.errors import ConfigError, unknown_name
    from feature_store.lake import close_days
    from feature_store.pull import pull_days
    from feature_store.sources.configured import load_sources

    settings, end = configured(), day_or_yesterday(last)
    start, known = to_day(first) or end, load_sources(settings)
    for name in source or ():
        if name not in known:
            raise ConfigError(unknown_name(settings.folder / "sources", "source", name, known))
    reports = []
    for name in source or sorted(known):
        VOICE.say(f"Pulling {name}, {start} to {end} ...")
        reports.append(pull_days(name, first=start, last=end, settings=settings))
    if not source:
        close_days(settings, start, end)
    _tell(reports)


def _tell(reports: list) -> None:
    rows = [[r.source, r.read, r.kept, r.quarantined, sum(r.dropped.values())] for r in reports]
    VOICE.table("Pulled", ["source", "read", "kept", "quarantined", "dropped"], rows)
    VOICE.result({"pulled": [vars(report) for report in reports]})
