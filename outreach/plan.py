"""Plan: gate every approved flag, draw the arms, and write what would be done and said, and when; again adds nothing.

The order never changes: the gate's word on every flag stands before any arm is drawn, the arm is written before any message.
"""

import gc
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from core.clock import as_day
from core.settings import Settings, current
from ledger.actions import Action
from ledger.bulk import copy_once
from ledger.cohorts import Cohort
from ledger.database import sessions
from ledger.days import mark_done
from ledger.messages import State
from outreach.arms import Draw
from outreach.brake import pull_by_size
from outreach.channel import channel
from outreach.decision import Decision
from outreach.fix import fixes
from outreach.gate import WOULD_BE_SENT, Candidate, Facts, channel_for, gather, refusals, when
from outreach.kill_switch import is_paused
from outreach.later import plan_later
from outreach.modes import in_force
from outreach.pilots import Pilots
from outreach.playbook import Playbook, load_playbooks
from outreach.record import write_verdicts_and_messages
from outreach.sampled import plan_sampled

NOTICE = "notice"
PLANNER_LOCK = 0x706C616E  # any number nobody else uses: "plan"
COLUMNS = ("key", "flag_id", "kind", "issue", "playbook_version", "customer_id", "unit_id", "channel", "day", "state",
           "reasons", "planned_at", "due_at", "fence")  # fmt: skip
COUNTED = (State.PLANNED, State.HELD_OUT, State.SUPPRESSED, State.SHADOW)


def message_key(settings: Settings, *, issue: str, customer_id: str, day: date, kind: str) -> str:
    """Return the id by which a message is known to providers; the same however often its day is run."""
    named = f"{settings.outreach.assignment_salt}\x1f{issue}\x1f{customer_id}\x1f{day}\x1f{kind}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def plan_day(*, day: date | str, now: datetime, settings: Settings | None = None) -> dict[str, int]:
    """Plan the approved cohorts of `day`, and older ones approved since; return how many messages of each state are new."""
    settings = settings or current()
    day = as_day(day)
    with sessions(settings).begin() as session, _uncollected():
        counts = _plan(session, settings, last=day, now=now)
        mark_done(session, day, "plan", now=now, counts=counts)
    return counts


def plan_approved(*, now: datetime, settings: Settings | None = None) -> dict[str, int]:
    """Plan every approved cohort that is not planned yet; return how many messages of each state are new."""
    settings = settings or current()
    with sessions(settings).begin() as session, _uncollected():
        return _plan(session, settings, last=now.date(), now=now)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from walking a day's decisions again and again: none of them is part of a cycle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _plan(session: Session, settings: Settings, *, last: date, now: datetime) -> dict[str, int]:
    session.execute(select(func.pg_advisory_xact_lock(PLANNER_LOCK)))
    none = {"cohorts": 0, **{str(state): 0 for state in COUNTED}, "actions": 0, "later": 0}
    if is_paused(session, settings):
        return none
    playbooks = in_force(session, load_playbooks(settings))
    _check_channels(playbooks, settings)
    cohorts = _ready(session, last, sorted(playbooks))
    candidates = _candidates(session, cohorts)
    facts = gather(session, candidates, playbooks, settings=settings, now=now, counting=WOULD_BE_SENT)
    braked = facts.braked | pull_by_size(session, cohorts, settings, now=now)
    cohorts = [cohort for cohort in cohorts if cohort.issue not in braked]
    decisions = _judge(session, [c for c in candidates if c.issue not in braked], facts)
    Draw(session, facts).arms_of(decisions)
    acted = copy_once(session, Action, *fixes(decisions, facts), key=("key",)) if facts.acting else 0
    write_verdicts_and_messages(session, decisions, facts)
    _close(session, cohorts, now)
    later = plan_later(session, playbooks, settings=settings, now=now) + plan_sampled(session, playbooks, settings=settings, now=now)
    states = Counter(str(each.state) for each in decisions)
    return none | {"cohorts": len(cohorts), **states, "actions": acted, "later": later}


def _ready(session: Session, last: date, issues: list[str]) -> Sequence[Cohort]:
    ready = (Cohort.state == "approved", Cohort.planned_at.is_(None), ~Cohort.replay, Cohort.day <= last,
             Cohort.issue.in_(issues))  # fmt: skip
    return session.scalars(select(Cohort).where(*ready).order_by(Cohort.day, Cohort.issue).with_for_update()).all()


def _close(session: Session, cohorts: Sequence[Cohort], now: datetime) -> None:
    for cohort in cohorts:
        here = (Cohort.issue == cohort.issue, Cohort.day == cohort.day)
        session.execute(update(Cohort).where(*here).values(planned_at=now))


def _candidates(session: Session, cohorts: Sequence[Cohort]) -> list[Candidate]:
    """Return the cohorts' flags, the most pressing first; which issue speaks first is the playbooks' to say."""
    if not cohorts:
        return []
    values = {"issues": [c.issue for c in cohorts], "days": [c.day for c in cohorts]}
    trimmed = {flag for cohort in cohorts for flag in cohort.trimmed}
    return [Candidate(*row) for row in session.execute(CANDIDATES, values).all() if row[0] not in trimmed]


def _judge(session: Session, candidates: list[Candidate], facts: Facts) -> list[Decision]:
    """Let the gate judge every flag, blind to arms; who passes counts at once for those that come after."""
    pilots = Pilots(session, facts)
    candidates.sort(key=lambda each: -facts.playbooks[each.issue].priority)  # a stable sort: the pressing ones stay first
    decisions = []
    for candidate in candidates:
        candidate.channel = channel_for(candidate, facts)
        refused = refusals(candidate, facts)
        playbook = facts.playbooks[candidate.issue]
        outside = [] if refused else pilots.outside(candidate, playbook)
        due_at, moved = when(candidate, facts)
        decision = Decision(candidate, refused, due_at, _fate(playbook, refused, outside), moved, refused or outside)
        if decision.state == State.PLANNED and not playbook.silent:
            facts.add(candidate, due_at)
            facts.pace.take(due_at, 1.0 - playbook.share)
        decisions.append(decision)
    return decisions


def _fate(playbook: Playbook, refused: list[str], outside: list[str]) -> State:
    """Return what becomes of a flag before its arm is drawn."""
    if refused:
        return State.SUPPRESSED
    return State.SHADOW if outside or playbook.mode == "shadow" else State.PLANNED


def _check_channels(playbooks: Mapping[str, Playbook], settings: Settings) -> None:
    for issue, playbook in playbooks.items():
        channel(playbook.channel or settings.outreach.channel, where=f"playbook {issue}: channel")


CANDIDATES = text("""
    SELECT f.id, f.issue, f.day, f.state, f.replay, f.customer_id, COALESCE(c.unit_id, f.customer_id) AS unit_id,
           c.address, COALESCE(c.consent, false) AS consent, c.time_zone, c.country, c.phone, f.probability, f.days_until
    FROM unnest(CAST(:issues AS text[]), CAST(:days AS date[])) AS h(issue, day)
    JOIN flags f USING (issue, day)
    LEFT JOIN customers c USING (customer_id)
    WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.flag_id = f.id AND m.kind = 'notice')
    ORDER BY f.days_until NULLS LAST, f.probability DESC, f.customer_id, f.issue, f.day
""")
