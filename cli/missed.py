"""`beforehand missed`: the troubles and contacts nobody foresaw, and why nobody did."""

from datetime import date
from typing import Annotated, Any

import typer

from cli.options import day_of, day_or_yesterday, to_day
from cli.voice import VOICE, configured
from core.clock import moment_after, now
from core.settings import Settings

WORDS = {
    "foreseen": "foreseen", "no_detector": "no detector looked", "below_the_line": "below the line",
    "too_late": "flagged too late", "no_data": "no data",
}  # fmt: skip


def missed(
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="The first day to look at; default yesterday.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="The last day to look at; default --from, or yesterday.")] = None,
    draft: Annotated[str | None, typer.Option(metavar="GROUP", help="Write a draft issue file for this source.kind.")] = None,
    replay: Annotated[bool, typer.Option("--backtest/--no-backtest", help="Replay the past with the draft.")] = True,
) -> None:
    """Show what struck customers and whether it was foreseen, by kind; the trend; and draft an issue from a kind."""
    settings = configured()
    end = day_of(last) if last else day_or_yesterday(first)
    if draft is not None:
        _draft(settings, draft, end, replay=replay)
        return
    begin = to_day(first) or end
    found = _look(settings, begin, end)
    rows = [[g["event"], g["n"], *(g[name] for name in WORDS)] for g in found["groups"]]
    VOICE.table(f"Troubles and contacts, {begin} to {end}", ["what", "how many", *WORDS.values()], rows)
    if found["trend"]:
        VOICE.table("Share foreseen, by week", ["week from", "how many", "foreseen"],
                    [[w["from"], w["n"], f"{w['foreseen']:.0%}"] for w in found["trend"]])  # fmt: skip
    VOICE.result({"from": begin, "to": end, **found}, _next(found["groups"], begin, end))


def _look(settings: Settings, begin: date, end: date) -> dict[str, Any]:
    from detectors.missed import groups, missed_between, trend
    from ledger.database import sessions

    with sessions(settings).begin() as session:
        found = missed_between(settings, session, begin, end, known_before=moment_after(end))
        return {"groups": groups(found).to_dicts(), "trend": trend(session, end)}


def _next(groups: list[dict[str, Any]], begin: date, end: date) -> list[str]:
    """Say in a sentence what a person would do next."""
    total = sum(group["n"] for group in groups)
    if not total:
        return [f"Nothing struck anybody from {begin} to {end}, as far as is known."]
    said = [f"{sum(g['foreseen'] for g in groups):,} of {total:,} were foreseen."]
    blind = [group for group in groups if group["no_detector"]]
    if blind:
        said.append(f"Most were missed of {blind[0]['event']}, which no detector looks for: "
                    f"`beforehand missed --draft {blind[0]['event']}` writes an issue file to try.")  # fmt: skip
    return said


def _draft(settings: Settings, event: str, day: date, *, replay: bool) -> None:
    """Write a draft, and say how well its trouble would have been foreseen so far."""
    from cli.backtest import sentences_of
    from detectors.backtest import backtest_of
    from detectors.draft import load_draft, write_draft

    path = write_draft(settings, event, day=day)
    fact: dict[str, Any] = {"draft": str(path), "event": event, "backtest": None}
    said = [f"Draft: {path}", "Rename it to end in .toml to let a detector learn it."]
    if replay:
        fact["backtest"] = backtest_of(settings, load_draft(path), now=now()).as_dict()
        said += sentences_of(fact["backtest"])
    VOICE.result(fact, said)
