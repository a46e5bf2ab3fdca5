"""`beforehand run`: play the whole route over past days, in one process."""

import itertools
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.measure import tell_readings
from cli.options import day_of, to_day
from cli.play import Pace, Tally, nothing, play, pull_span
from cli.pullers import Pullers
from cli.status import tell_figures
from cli.voice import VOICE, configured
from core.settings import Settings

SILENT_SECONDS = 20  # at most between two lines where there is no terminal


def run(
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="The first day to act on.")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="The last day to act on.")],
    history: Annotated[str | None, typer.Option(metavar="DAY", help="First day of the first load; default 3 years before --from.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Detect every so many days.")] = 7,
    train_every: Annotated[int, typer.Option(min=1, help="Train every so many days.")] = 91,
) -> None:
    """Play past days as they would have run: pull, gate, features, train, flag, assign, write messages, read loyalty.

    A killed run goes on where it was; a finished one changes nothing. Messages of played days go to the mailbox only.
    """
    from loyalty.reading import table

    settings = configured()
    begin, end = day_of(first), day_of(last)
    check_configuration(settings)
    tell_modes(settings)
    pace = Pace(begin, end, every_days=every, train_every_days=train_every)
    with Pullers(steps=len(list(pace.steps()))) as pullers:
        eve = begin - timedelta(days=1)
        loaded = load_history(settings, to_day(history) or begin - timedelta(days=3 * 365), eve, pullers)
        check_conditions(settings)
        tally = play_with_progress(settings, pace, pullers)
        tally.add(**loaded)
    rows = table(settings)
    found = facts(settings, tally, rows)
    tell_figures(found["figures"])
    tell_readings(rows)
    VOICE.result(found, [sentence(tally), f"Mailbox: {settings.root / 'mailbox'}"])


def check_configuration(settings: Settings) -> None:
    """Read every file of the configuration, so that a mistake in one ends the run before it begins."""
    from detectors.issue import load_issues
    from feature_store.sources.configured import load_sources
    from outreach.playbook import load_playbooks

    for load in (load_sources, load_issues, load_playbooks):
        load(settings)


def check_conditions(settings: Settings) -> None:
    """Hold every issue's conditions against the features there are, before the first day is worked on."""
    from detectors.watching import check_all_features

    check_all_features(settings)


def tell_modes(settings: Settings) -> None:
    """Say which playbooks run lower than their file says."""
    from ledger.database import sessions
    from outreach.modes import approved_modes, held_back
    from outreach.playbook import load_playbooks

    with sessions(settings)() as session:
        for said in held_back(load_playbooks(settings), approved_modes(session)):
            VOICE.say(said)


def load_history(settings: Settings, first: date, last: date, pullers: Pullers) -> dict[str, int]:
    """Load everything up to the eve of the first day to act on, once."""
    from feature_store.lake import is_closed

    if is_closed(settings, last):
        return {}
    VOICE.say(f"Loading the history up to {last} ...")
    counts = pull_span(settings, first, last, pullers)
    VOICE.say(f"  read {counts['read']:,} rows, kept {counts['kept']:,}, quarantined {counts['quarantined']:,}.")
    return counts


def play_with_progress(
    settings: Settings, pace: Pace, pullers: Pullers, *, before_step: Callable[[date, date], None] = nothing
) -> Tally:
    """Play `pace` with a bar on a terminal, or a line now and then where there is none."""
    steps, screen = len(list(pace.steps())), VOICE.screen
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, disable=VOICE.as_json or not screen.is_terminal) as bar:
        task = bar.add_task(f"Playing {pace.first} to {pace.last}", total=steps)
        done, said = itertools.count(1), time.monotonic()
        if not screen.is_terminal:
            VOICE.say(f"Playing {pace.first} to {pace.last}, {steps} steps ...")

        def step_done(last: date, counts: dict[str, int]) -> None:
            nonlocal said
            bar.advance(task)
            number, waited = next(done), time.monotonic() - said
            if not screen.is_terminal and (number % 10 == 0 or waited > SILENT_SECONDS):
                said = time.monotonic()
                VOICE.say(f"  {last}: {number} steps played, {counts['flags']} new flags, {counts['accepted']} letters")

        tally = play(settings, pace, pullers, before_step=before_step, after_step=step_done)
        bar.update(task, completed=steps)
    return tally


def facts(settings: Settings, tally: Tally, readings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a program wants to know of a run."""
    from console.figures import figures

    return {"steps": tally.steps, "skipped": tally.skipped, **tally.counts, "figures": figures(settings), "readings": readings}


def sentence(tally: Tally) -> str:
    """Return what a run did, in a sentence."""
    if not tally.steps:
        return f"All {tally.skipped} steps had been played before; nothing changed."
    counted = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in tally.counts.items())
    return f"Played {tally.steps} steps: {counted}."
