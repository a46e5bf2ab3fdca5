"""`beforehand demo`: what `make run` does. A made past is played, then the real scheduler runs the last days by itself."""

import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.live import live_days, live_days_done, scheduler_for
from cli.measure import tell_readings
from cli.options import to_day
from cli.play import Pace, Tally, morning_after
from cli.pullers import Pullers
from cli.run import load_history, play_with_progress, sentence
from cli.status import tell_figures
from cli.voice import VOICE, configured
from core.clock import add_months, days, last_whole_day, now
from core.settings import Settings

if TYPE_CHECKING:
    from simulator.company import Company

NIGHT = timedelta(hours=2)  # the scheduler pulls a day at 02:00 after it
LIVE_DAYS = 3
FIRST_LOAD_DAYS = 26 * 7


def demo(
    customers: Annotated[int, typer.Option(min=100, help="How many customers the made company begins with.")] = 20_000,
    months: Annotated[int, typer.Option(min=9, help="How many months of past to play.")] = 36,
    seed: Annotated[int, typer.Option(help="The same seed gives the same company.")] = 1,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Last day of a new company's calendar; default yesterday.")] = None,
    airflow: Annotated[bool, typer.Option(help="Let the real scheduler run the last days.")] = True,
) -> None:
    """Play the made company's past, let Airflow run the last three days, and show what came of it.

    A second call changes nothing; on a later day it goes on with the days that have passed since.
    """
    started = time.monotonic()
    settings = configured()
    end = to_day(until) or last_whole_day(now() - NIGHT)
    company = open_company(settings, Made(customers, months, seed, end))
    live_from = first_live_day(settings, company)
    live = days(live_from, company.last)
    if not airflow or live_days_done(settings, live):
        tally = play_past(settings, company, live_from - timedelta(days=1))
        write_days(settings, company, live[-1])
        runs: list[dict[str, Any]] = []
    else:
        with scheduler_for(settings, live_from) as scheduler:
            tally = play_past(settings, company, live_from - timedelta(days=1))
            write_days(settings, company, live[-1])
            runs = live_days(settings, scheduler, live)
    tell(settings, company, tally, runs, started=started)


@dataclass(frozen=True)
class Made:
    """What a made company is to be like, and on which day its calendar ends."""

    customers: int
    months: int
    seed: int
    end: date


def open_company(settings: Settings, made: Made) -> "Company":
    """Return the made company: the one that is there, else a new one whose calendar ends yesterday."""
    from simulator.company import Company

    folder = str(settings.place("company"))
    kept = Company.saved(folder)
    if kept is None:
        VOICE.say(f"A made company of {made.customers:,} customers, {made.months} months of past, seed {made.seed}.")
        first = add_months(made.end, -made.months)
        return Company.open(folder, customers=made.customers, seed=made.seed, first=first, last=made.end)
    VOICE.say(f"The made company is there: {kept.customers:,} customers since {kept.first}, seed {kept.seed}.")
    return Company.open(folder, customers=kept.customers, seed=kept.seed, first=kept.first, last=max(made.end, kept.last))


def first_live_day(settings: Settings, company: "Company") -> date:
    """Return where the scheduler takes over: three days before the calendar's end, decided once and kept."""
    kept = settings.place("company") / "live_from.txt"
    if not kept.exists():
        kept.write_text((company.last - timedelta(days=LIVE_DAYS - 1)).isoformat())
    return date.fromisoformat(kept.read_text())


def play_past(settings: Settings, company: "Company", last: date) -> Tally:
    """Load half a year as history, then play week by week; the company reacts to the messages of the weeks before."""
    eve = company.first + timedelta(days=FIRST_LOAD_DAYS - 1)
    write_days(settings, company, eve)
    approve_playbooks(settings, morning_after(eve))
    pace = Pace(eve + timedelta(days=1), last)
    with Pullers(steps=len(list(pace.steps()))) as pullers:
        loaded = load_history(settings, company.first, eve, pullers)
        tally = play_with_progress(settings, pace, pullers, before_step=lambda _, end: write_days(settings, company, end))
        tally.add(**loaded)
        return tally


def approve_playbooks(settings: Settings, instant: datetime) -> None:
    """Let those who stand for the made company's remedies approve its playbooks, before its first morning."""
    from ledger.database import sessions
    from outreach.evidence import evidence
    from outreach.modes import approved_modes, set_mode
    from outreach.playbook import load_playbooks

    with sessions(settings).begin() as session:
        decided = approved_modes(session)
        for issue, playbook in load_playbooks(settings).items():
            if playbook.remedy and issue not in decided:  # a mode that a person set since stays
                set_mode(session, playbook, playbook.mode, by=playbook.remedy.approved_by, evidence=evidence(session, issue),
                         now=instant, settings=settings)  # fmt: skip


def write_days(settings: Settings, company: "Company", last: date) -> None:
    """Let the company live until `last`, knowing which of its customers were written to."""
    from simulator.outcome import accepted_messages

    if company.written_until is None or company.written_until < last:
        company.write_until(last, contacts=accepted_messages(settings))


def tell(settings: Settings, company: "Company", tally: Tally, runs: list[dict[str, Any]], *, started: float) -> None:
    """Print the summary, write the report, and say where everything is and how long it all took since `started`."""
    from console.figures import figures
    from console.report import write_report
    from feature_store.gate import build_docs
    from loyalty.reading import table
    from outreach.shadow import write_page
    from simulator.outcome import known_truth

    found, readings, truth = figures(settings), table(settings), known_truth(settings, company)
    places = {"mailbox": settings.root / "mailbox", "data_docs": build_docs(settings), "shadow": write_page(settings)}
    extra = {"truth": truth, "airflow": runs, "places": {name: str(place) for name, place in places.items()}}
    report = write_report(settings, extra, now=now())
    tell_figures(found)
    tell_readings(readings, truth=truth)
    seconds = time.monotonic() - started
    VOICE.result(
        {"played": vars(tally), "figures": found, "readings": readings, "truth": truth, "airflow": runs,
         "report": report, "places": extra["places"], "seconds": round(seconds, 1)},
        ["", sentence(tally), f"Report:      {report}", f"Mailbox:     {places['mailbox']}",
         f"Shadow page: {places['shadow']}", f"Data Docs:   {places['data_docs']}",
         "Airflow UI:  `make up` opens it and keeps the scheduler going until Ctrl-C.",
         f"Done in {seconds / 60:.1f} minutes." if seconds >= 90 else f"Done in {seconds:.0f} seconds."],
    )  # fmt: skip
