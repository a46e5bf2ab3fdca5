"""When a message may go: what moves it to a later time. A message that moves is the same message, never a copy."""

from collections.abc import Callable
from datetime import datetime, timedelta

from outreach.gate.candidate import Candidate
from outreach.gate.facts import Facts
from outreach.local_time import closed_by, next_allowed

RETRY = timedelta(minutes=15)

Move = Callable[[Candidate, Facts, datetime], datetime]
MOVES: dict[str, Move] = {}


def move(moved: Move) -> Move:
    """Register what moves a message; it returns the first instant from the given one on at which it has no objection."""
    MOVES[moved.__name__] = moved
    return moved


@move
def opening_hours(candidate: Candidate, facts: Facts, moment: datetime) -> datetime:
    """Move out of the quiet hours, the weekend and the holidays of the customer."""
    return next_allowed(moment, candidate.time_zone, candidate.country, facts.settings, facts.days.get(candidate.issue))


@move
def fix_not_done(candidate: Candidate, facts: Facts, moment: datetime) -> datetime:
    """Wait for the receipt of the action that the words claim, unless there are words for the time before it."""
    planned = candidate.planned_at is not None  # before that, the action is not planned either
    if not planned or moment > facts.now or facts.fixes.get(candidate.flag_id) == "done":
        return moment
    playbook = facts.playbooks.get(candidate.issue)
    return facts.now + RETRY if playbook and playbook.claims_the_fix(candidate.kind) else moment


@move
def pace(candidate: Candidate, facts: Facts, moment: datetime) -> datetime:
    """Move to an hour in which people are free to answer what the message brings about."""
    return facts.pace.hour_with_room(moment)


@move
def warm_up(candidate: Candidate, facts: Facts, moment: datetime) -> datetime:
    """Move to a day on which a new domain may send one more."""
    return facts.pace.day_with_room(moment)


def when(candidate: Candidate, facts: Facts) -> tuple[datetime, list[str]]:
    """Return the first instant at which nothing objects, and the names of what moved the message there."""
    opening, why = _opening(candidate, facts)
    moved = [why] if why else []
    if not (facts.pace.limited or facts.acting):
        return opening, moved
    moment, settled = opening, False
    while not settled:
        settled = True
        for name, moves in MOVES.items():
            later = moves(candidate, facts, moment)
            if later > moment:
                moment, settled = later, False
                moved += [name] if name not in moved and name != "opening_hours" else []
    return moment, moved


def _opening(candidate: Candidate, facts: Facts) -> tuple[datetime, str | None]:
    """Return when the customer's place opens from now on and what keeps it closed, looked up once for each place."""
    days = facts.days.get(candidate.issue)
    place = (candidate.time_zone, candidate.country, days)
    if place not in facts.opening:
        where = (candidate.time_zone, candidate.country, facts.settings, days)
        opening = next_allowed(facts.now, *where)
        facts.opening[place] = (opening, closed_by(facts.now, *where) if opening > facts.now else None)
    return facts.opening[place]
