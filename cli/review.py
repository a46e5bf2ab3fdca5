"""`beforehand review`: look at the cohorts that wait, and decide."""

from datetime import date
from typing import Annotated, Any

import typer
from sqlalchemy import select

from cli.options import to_day
from cli.voice import VOICE, configured
from core.clock import now
from core.errors import ConfigError, unknown_name
from core.settings import Settings
from ledger.cohorts import Cohort
from ledger.database import sessions
from ledger.flags import Flag

VERDICTS = ("approve", "hold", "reject", "reopen", "trim", "restore")


def review(
    issue: Annotated[str | None, typer.Argument(help="The issue of the cohort to decide on.")] = None,
    day: Annotated[str | None, typer.Argument(metavar="[DAY]", help="The day of the cohort.")] = None,
    verdict: Annotated[str | None, typer.Argument(help=" | ".join(VERDICTS))] = None,
    actor: Annotated[str, typer.Option("--as", help="Who decides; goes into the audit trail.")] = "operator",
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
    flag: Annotated[list[int] | None, typer.Option(help="A flag's number to trim or restore; may be repeated.")] = None,
    because: Annotated[str | None, typer.Option(help="not_trouble | already_known: what the detector may learn from it.")] = None,
) -> None:
    """List the cohorts waiting for a person; show one; or decide on it."""
    settings, of_day = configured(), to_day(day)
    if issue is None or of_day is None:
        _list(settings)
    elif verdict is None:
        _show(settings, issue, of_day)
    elif verdict not in VERDICTS:
        raise ConfigError(unknown_name("review", "verdict", verdict, VERDICTS))
    else:
        from outreach.review import decide

        cohort = decide(settings, issue=issue, day=of_day, verdict=verdict, actor=actor, now=now(), note=note, trim=flag,
                        because=because)  # fmt: skip
        VOICE.result({"issue": issue, "day": of_day, "state": cohort.state, "first_approved_by": cohort.first_approved_by},
                     [f"{issue} {of_day}: {cohort.state}.", *_second(cohort)])  # fmt: skip


def _second(cohort: Cohort) -> list[str]:
    """Say that a second approver is needed, where one is."""
    if cohort.state == "approved" or cohort.first_approved_by is None:
        return []
    return [f"{cohort.first_approved_by} approved it; so many customers need a second approver, somebody else."]


def _list(settings: Settings) -> None:
    with sessions(settings).begin() as session:
        waiting = select(Cohort).where(Cohort.state.in_(("waiting", "held"))).order_by(Cohort.day.desc(), Cohort.issue)
        cohorts = session.scalars(waiting).all()
        rows = [[c.issue, c.day, c.size, _share(c.expected_precision), c.state] for c in cohorts]
    if rows:
        VOICE.table("Cohorts that wait for a person", ["issue", "day", "customers", "expected right", "state"], rows)
    VOICE.result(
        {"waiting": [dict(zip(("issue", "day", "size", "expected_precision", "state"), r, strict=True)) for r in rows]},
        ["`beforehand review ISSUE DAY` shows one, `beforehand review ISSUE DAY approve` decides." if rows
         else "No cohort waits. The next ones appear when a day is detected."],
    )  # fmt: skip


def _show(settings: Settings, issue: str, day: date) -> None:
    with sessions(settings).begin() as session:
        wanted = select(Flag).where(Flag.issue == issue, Flag.day == day).order_by(Flag.probability.desc(), Flag.id)
        flags = session.scalars(wanted).all()
        facts: list[dict[str, Any]] = [{"flag": f.id, "customer": f.customer_id, "probability": f.probability, "days_until": f.days_until,
                  "reasons": f.reasons} for f in flags]  # fmt: skip
    rows = [[f["flag"], f["customer"], _share(f["probability"]), "; ".join(f["reasons"][:2])] for f in facts[:40]]
    VOICE.table(f"{issue} {day}: {len(facts)} customers", ["flag", "customer", "how sure", "why"], rows)
    more = [f"... and {len(facts) - 40} more; --json lists them all."] if len(facts) > 40 else []
    VOICE.result({"issue": issue, "day": day, "flags": facts}, more)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
