"""What a person needs to know before they decide about a cohort: how many, how sure, how soon, what it is worth, and what we say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from sqlalchemy import ARRAY, Integer, all_, func, literal, select
from sqlalchemy.orm import Session

from core.clock import add_months
from core.errors import ConfigError
from core.settings import Company, Settings
from detectors.issue import Issue, Value
from ledger.acts import Act, acts_about
from ledger.brakes import Brake, open_brakes
from ledger.cohorts import Cohort
from ledger.flags import Flag
from ledger.shares import share_in_force
from outreach.brake import usual_size
from outreach.frame import base_language
from outreach.modes import in_force
from outreach.playbook import Playbook, load_playbook
from outreach.recall import waits_whole
from outreach.reconcile import PARTS, counts
from outreach.review import subject

PAST = 8


@dataclass(frozen=True)
class Size:
    """How many are in, of how many that were flagged, and how many it usually is."""

    flagged: int
    still_in: int
    usual: float | None
    before: Sequence[tuple[date, int]]   # the cohorts before it, the newest first

    @property
    def times(self) -> float | None:
        """How many times the usual size it is."""
        return self.flagged / self.usual if self.usual else None


@dataclass(frozen=True)
class Expected:
    """Of those still in: how many would be struck, and when."""

    precision: float | None              # None where nobody knows how often the detector is right
    soonest: float | None
    median: float | None
    latest: float | None


@dataclass(frozen=True)
class Worth:
    """Of telling all who are still in, in the company's currency."""

    at_stake: float
    cost: float
    net: float
    value: Value


@dataclass(frozen=True)
class Proof:
    """In which mode it runs, who is held out, and when the answer can be read."""

    mode: str
    share: float
    told: int                            # of those still in, about how many would be told
    pilot: tuple[float, int] | None      # the pilot's share and daily cap
    outcome: str
    horizon_months: int
    smallest_effect: float
    readable_from: date


def size_of(session: Session, settings: Settings, cohort: Cohort) -> Size:
    """Return the cohort's size beside its usual one."""
    before = select(Cohort.day, Cohort.size).where(Cohort.issue == cohort.issue, Cohort.day < cohort.day, ~Cohort.replay)
    rows = [(day, size) for day, size in session.execute(before.order_by(Cohort.day.desc()).limit(PAST))]
    usual = usual_size(session, cohort, settings.outreach.brake.usual_of)
    return Size(cohort.size, cohort.size - len(cohort.trimmed), usual, rows)


def expected_of(session: Session, cohort: Cohort) -> Expected:
    """Return how sure we are of those still in, and how soon it hurts them."""
    still_in = (Flag.issue == cohort.issue, Flag.day == cohort.day, Flag.id != all_(literal(list(cohort.trimmed), ARRAY(Integer))))
    median = func.percentile_cont(0.5).within_group(Flag.days_until)
    asked = select(func.avg(Flag.probability), func.min(Flag.days_until), median, func.max(Flag.days_until)).where(*still_in)
    mean, soonest, middle, latest = session.execute(asked).one()
    return Expected(None if cohort.expected_precision is None else mean, soonest, middle, latest)


def worth_of(issue: Issue | None, size: Size, expected: Expected) -> Worth | None:
    """Return what telling them is worth and costs; None where the issue's file states no values or nobody knows how sure we are."""
    if issue is None or issue.value is None or expected.precision is None:
        return None
    value, struck = issue.value, size.still_in * expected.precision
    at_stake = struck * value.saved
    cost = size.still_in * value.contact_cost + (size.still_in - struck) * value.needless_cost
    return Worth(at_stake, cost, at_stake - cost, value)


def proof_of(session: Session, settings: Settings, playbook: Playbook, cohort: Cohort, *, now: datetime) -> Proof:
    """Return the mode and share in force, and the day from which the month this cohort falls into can be read."""
    runs = in_force(session, {playbook.issue: playbook})[playbook.issue]
    changed = None if playbook.never_hold_out else share_in_force(session, playbook.issue, cohort.day)
    share = playbook.share if changed is None else changed
    still_in = cohort.size - len(cohort.trimmed)
    reach = {"live": 1.0, "pilot": runs.pilot.share, "shadow": 0.0}[runs.mode]
    told = round(still_in * reach * (1 - share))
    pilot = (runs.pilot.share, runs.pilot.daily_cap) if runs.mode == "pilot" else None
    months = playbook.measure.horizon_months
    drawn_on = (cohort.planned_at or now).date()
    month_end = add_months(drawn_on.replace(day=1), 1) - timedelta(days=1)
    readable = add_months(month_end, months) + timedelta(days=settings.loyalty.settle_days)
    return Proof(runs.mode, share, told if pilot is None else min(told, runs.pilot.daily_cap), pilot, playbook.measure.outcome, months,
                 playbook.measure.smallest_effect, readable)  # fmt: skip


def became_of(session: Session, cohort: Cohort) -> dict[str, int]:
    """Return what became of the cohort's flags, as they reconcile; nothing before it is planned, so that no arm can be told."""
    if cohort.planned_at is None:
        return {}
    (row,) = counts(session, issue=cohort.issue, days=[cohort.day])
    return {part: row[part] for part in PARTS if row[part]}


def stands_in_the_way(session: Session, settings: Settings, cohort: Cohort) -> list[Brake]:
    """Return the brakes that keep the cohort from being planned."""
    return list(open_brakes(session, cohort.issue)) if cohort.planned_at is None else []


def can_be_recalled(session: Session, cohort: Cohort) -> bool:
    """Whether nothing of a planned cohort was claimed yet."""
    return cohort.planned_at is not None and waits_whole(session, cohort.issue, cohort.day)


def trail(session: Session, cohort: Cohort) -> list[Act]:
    """Return what was decided about the cohort, the newest first."""
    return acts_about(session, subject(cohort.issue, cohort.day))


def issue_of(settings: Settings, name: str) -> Issue | None:
    """Return an issue as its file says, or None where the file is gone."""
    path = settings.folder / "issues" / f"{name}.toml"
    return _issue(path, path.stat().st_mtime_ns) if path.exists() else None


def playbook_of(settings: Settings, name: str) -> Playbook | None:
    """Return a playbook as its file says, or None where there is none."""
    path = settings.folder / "playbooks" / f"{name}.toml"
    return _playbook(path, path.stat().st_mtime_ns, settings.company.model_dump_json()) if path.exists() else None


@lru_cache(maxsize=256)
def _issue(path: Path, changed: int) -> Issue:
    from core.strict import load_toml

    return load_toml(path, Issue, name=path.stem)


@lru_cache(maxsize=256)
def _playbook(path: Path, changed: int, company: str) -> Playbook:
    return load_playbook(path, Company.model_validate_json(company))


def languages_of(playbook: Playbook | None, settings: Settings) -> list[str]:
    """Return the languages a playbook speaks, the company's own first."""
    own = base_language(settings.company.language)
    return sorted(playbook.message, key=lambda each: (each != own, each)) if playbook else []


def problem_of(settings: Settings, name: str) -> str | None:
    """Return why a playbook cannot be read, in its own words."""
    try:
        playbook_of(settings, name)
    except ConfigError as error:
        return str(error)
    return None
