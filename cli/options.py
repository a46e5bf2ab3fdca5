"""Options that several verbs share."""

from datetime import date
from typing import Annotated

import typer

from core.clock import last_whole_day, now
from core.errors import ConfigError


def to_day(text: str | None) -> date | None:
    """Return the day an ISO text names, or None where nothing was said."""
    return None if text is None else day_of(text)


def day_of(text: str) -> date:
    """Return the day an ISO text names. Raise ConfigError for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"option: {text!r} is not a day. Write it as 2026-03-31.") from error


def day_or_yesterday(text: str | None) -> date:
    """Return the named day, or the last whole one."""
    return to_day(text) or last_whole_day(now())


Day = Annotated[str | None, typer.Option("--day", metavar="DAY", help="As of this day, 2026-03-31; default yesterday.")]
