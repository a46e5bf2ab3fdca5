"""Plan: gate every approved flag, draw the arms, and write what would be said and when; running it again adds nothing.

The order never changes: the gate's word on every flag is written before any arm is drawn, the arm before any message.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from core.clock import as_day
from core.settings import Settings, current
from ledger.base import add_once
from ledger.bulk import copy_once
from ledger.cohorts import Cohort
from ledger.database import sessions
from ledger.days import mark_done
from ledger.measures import Measure
from ledger.messages import Message, State
from ledger.verdicts import Verdict
from outreach.channel import channel
from outreach.gate import WOULD_BE_SENT, Candidate, Facts, gather, refusals
from outreach.holdout import HOLD_OUT, PROGRAMME, Wish, assign, draw
from outreach.kill_switch import is_paused
from outreach.local_time import company_zone, next_allowed
from outreach.playbook import Playbook, load_playbooks

NOTICE = "notice"
PLANNER_LOCK = 0x706C616E  # any number nobody else uses: "plan"
COLUMNS = ("key", "flag_id", "kind", "issue", "playbook_version", "customer_id", "unit_id", "channel", "day", "state",
           "reasons", "planned_at", "due_at", "fence")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """One flag, what the gate said of it, when it would be sent, and what becomes of it."""

    candidate: Candidate
    refused: list[str]
    due_at: datetime
    state: State
    reasons: list[str]


def message_key(settings: Settings, *, issue: str, customer_id: str, day: date, kind: str) -> str:
    """Return the id by which a message is known to providers; the same however often its day is run."""
    named = f"{settings.outreach.assignment_salt}\x1f{issue}\x1f{customer_id}\x1f{day}\x1f{kind}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def plan_day(*, day: date | str, now: datetime, settings: Settings | None = None) -> dict[str, int]:
    """Plan the approved cohorts of `day`, and older ones approved since; return how many messages of each state are new."""
    settings = settings or current()
    day = as_day(day)
    with sessions(settings).begin() as session:
        counts = _plan(session, settings, last=day, now=now)
        mark_done(session, day, "plan", now=now, counts=counts)
    return counts


def plan_approved(*, now: datetime, settings: Settings | None = None) -> dict[str, int]:
    """Plan every approved cohort that is not planned yet; return how many messages of each state are new."""
    settings = settings or current()
    with sessions(settings).begin() as session:
        return _plan(session, settings, last=now.date(), now=now)


def _plan(session: Session, settings: Settings, *, last: date, now: datetime) -> dict[str, int]:
    session.execute(select(func.pg_advisory_xact_lock(PLANNER_LOCK)))
    none = {"cohorts": 0, **{str(state): 0 for state in (State.PLANNED, State.HELD_OUT, State.SUPPRESSED, State.SHADOW)}}
    if is_paused(session, settings):
        return none
    playbooks = load_playbooks(settings)
    cohorts = _cohorts(session, last, list(playbooks))
    candidates = _candidates(session, cohorts)
    facts = gather(session, candidates, playbooks, settings=settings, now=now, counting=WOULD_BE_SENT)
    judged = _judge(session, candidates, facts)
    _write_verdicts(session, judged, now)
    planned = _draw(session, judged, facts)
    _write_messages(session, planned, facts)
    here = [(cohort.issue, cohort.day) for cohort in cohorts]
    for issue, day in here:
        session.execute(update(Cohort).where(Cohort.issue == issue, Cohort.day == day).values(planned_at=now))
    return none | {"cohorts": len(cohorts)} | dict(Counter(str(each.state) for each in planned))


def _cohorts(session: Session, last: date, issues: list[str]) -> Sequence[Cohort]:
    ready = (Cohort.state == "approved", Cohort.planned_at.is_(None), ~Cohort.replay, Cohort.day <= last,
             Cohort.issue.in_(issues))  # fmt: skip
    return session.scalars(select(Cohort).where(*ready).order_by(Cohort.day, Cohort.issue).with_for_update()).all()


def _candidates(session: Session, cohorts: Sequence[Cohort]) -> list[Candidate]:
    """Return the cohorts' flags, the most pressing first: where two compete for one customer, it goes out."""
    if not cohorts:
        return []
    values = {"issues": [c.issue for c in cohorts], "days": [c.day for c in cohorts]}
    trimmed = {flag for cohort in cohorts for flag in cohort.trimmed}
    return [Candidate(*row) for row in session.execute(CANDIDATES, values) if row.id not in trimmed]


def _judge(session: Session, candidates: Sequence[Candidate], facts: Facts) -> list[Planned]:
    """Let the gate judge every flag, blind to arms; who passes counts at once for those that come after."""
    pilots = _Pilots(session, facts)
    judged = []
    for candidate in candidates:
        due_at = next_allowed(facts.now, candidate.time_zone, candidate.country, facts.settings)
        refused = refusals(candidate, facts)
        playbook = facts.playbooks[candidate.issue]
        outside = [] if refused else pilots.outside(candidate, playbook)
        if refused:
            state = State.SUPPRESSED
        elif outside or playbook.mode == "shadow":
            state = State.SHADOW
        else:
            state = State.PLANNED
            facts.add(candidate, due_at)
        judged.append(Planned(candidate, refused, due_at, state, refused or outside))
    return judged


def _draw(session: Session, judged: list[Planned], facts: Facts) -> list[Planned]:
    """Draw the arms of all that passed: first the programme's, then the issue's for the rest."""
    passed = [each for each in judged if each.state == State.PLANNED]
    settings, now = facts.settings, facts.now
    programme = [_wish(each, facts, PROGRAMME, settings.outreach.global_holdout) for each in passed
                 if settings.outreach.global_holdout and not facts.playbooks[each.candidate.issue].never_hold_out]  # fmt: skip
    arms: dict[tuple[str, str], str] = {}
    for day in sorted({each.candidate.day for each in passed}):
        of_day = {each.candidate.flag_id for each in passed if each.candidate.day == day}
        arms |= assign(session, [w for w in programme if w.flag_id in of_day], settings=settings, day=day, now=now)
        rest = [_wish(each, facts, each.candidate.issue, facts.playbooks[each.candidate.issue].share) for each in passed
                if each.candidate.flag_id in of_day and not _out_of_programme(each, arms, facts)]  # fmt: skip
        arms |= assign(session, rest, settings=settings, day=day, now=now)
    _freeze_measures(session, {each.candidate.issue for each in passed}, facts)
    return [_with_arm(each, arms, facts) if each.state == State.PLANNED else each for each in judged]


def _wish(each: Planned, facts: Facts, scope: str, share: float) -> Wish:
    candidate, playbook = each.candidate, facts.playbooks[each.candidate.issue]
    return Wish(scope, candidate.unit_id, share, candidate.customer_id, candidate.flag_id, playbook.version, playbook.mode)


def _out_of_programme(each: Planned, arms: dict[tuple[str, str], str], facts: Facts) -> bool:
    return (not facts.playbooks[each.candidate.issue].never_hold_out
            and arms.get((PROGRAMME, each.candidate.unit_id)) == HOLD_OUT)  # fmt: skip


def _with_arm(each: Planned, arms: dict[tuple[str, str], str], facts: Facts) -> Planned:
    if _out_of_programme(each, arms, facts):
        scope = PROGRAMME
    elif arms[each.candidate.issue, each.candidate.unit_id] == HOLD_OUT:
        scope = each.candidate.issue
    else:
        return each
    return Planned(each.candidate, each.refused, each.due_at, State.HELD_OUT, [scope])


def _freeze_measures(session: Session, issues: set[str], facts: Facts) -> None:
    rows = [{"issue": issue, "version": measure.version, "measure": measure.model_dump(), "frozen_at": facts.now}
            for issue in sorted(issues) for measure in [facts.playbooks[issue].measure]]  # fmt: skip
    add_once(session, Measure, rows, key=["issue", "version"])


def _write_verdicts(session: Session, judged: Sequence[Planned], now: datetime) -> None:
    rows = [(each.candidate.flag_id, not each.refused, each.refused, now) for each in judged]
    copy_once(session, Verdict, ("flag_id", "passed", "reasons", "judged_at"), rows, key=("flag_id",))


def _write_messages(session: Session, planned: Sequence[Planned], facts: Facts) -> None:
    copy_once(session, Message, COLUMNS, [_row(each, facts) for each in planned], key=("flag_id", "kind"))


def _row(each: Planned, facts: Facts) -> tuple[Any, ...]:
    c, settings = each.candidate, facts.settings
    playbook: Playbook = facts.playbooks[c.issue]
    key = message_key(settings, issue=c.issue, customer_id=c.customer_id, day=c.day, kind=NOTICE)
    through = channel(playbook.channel or settings.outreach.channel, where=f"playbook {c.issue}: channel").name
    return (key, c.flag_id, NOTICE, c.issue, playbook.version, c.customer_id, c.unit_id, through, c.day, str(each.state),
            each.reasons, facts.now, each.due_at, 0)  # fmt: skip


class _Pilots:
    """Who is inside a pilot: a drawn share of units, up to so many a day (the company's), the arms not yet known."""

    def __init__(self, session: Session, facts: Facts) -> None:
        self.facts = facts
        issues = [name for name, playbook in facts.playbooks.items() if playbook.mode == "pilot"]
        midnight = facts.now.astimezone(company_zone(facts.settings)).replace(hour=0, minute=0, second=0, microsecond=0)
        values = {"issues": issues, "since": midnight, "states": [str(state) for state in WOULD_BE_SENT]}
        self.today = Counter({issue: n for issue, n in session.execute(PILOTED, values)} if issues else {})

    def outside(self, candidate: Candidate, playbook: Playbook) -> list[str]:
        """Return why a candidate that passed the gate stays in the shadow, and count it where it does not."""
        if playbook.mode != "pilot":
            return []
        salt = self.facts.settings.outreach.assignment_salt
        if draw(salt, f"pilot {playbook.issue}", 0, candidate.unit_id) >= playbook.pilot.share:
            return ["not_in_pilot"]
        if self.today[playbook.issue] >= playbook.pilot.daily_cap:
            return ["pilot_cap"]
        self.today[playbook.issue] += 1
        return []


CANDIDATES = text("""
    SELECT f.id, f.issue, f.day, f.state, f.replay, f.customer_id, COALESCE(c.unit_id, f.customer_id) AS unit_id,
           c.address, COALESCE(c.consent, false) AS consent, c.time_zone, c.country
    FROM unnest(CAST(:issues AS text[]), CAST(:days AS date[])) AS h(issue, day)
    JOIN flags f USING (issue, day)
    LEFT JOIN customers c USING (customer_id)
    WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.flag_id = f.id AND m.kind = 'notice')
    ORDER BY f.days_until NULLS LAST, f.probability DESC, f.customer_id, f.issue, f.day
""")

PILOTED = text("""
    SELECT issue, count(*) FROM messages
    WHERE issue = ANY(:issues) AND planned_at >= :since AND state = ANY(:states) GROUP BY issue
""")
