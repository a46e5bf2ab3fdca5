"""What the pages of the playbooks tell: how far each goes and by whose word, which versions ran, whom the shadow holds, what has no remedy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.acts import Act
from ledger.brakes import open_brakes
from ledger.cohorts import Cohort
from ledger.measures import Measure
from ledger.missed import Missed
from outreach.modes import ACT, MODES, approved_modes, lower
from outreach.playbook import Playbook, load_playbooks

LATELY = timedelta(days=28)
SHOWN = 50
MOST_GAPS = 10
# What an approver must be told of each step, in the order in which they are taken.
LADDER = {
    "shadow": "Everything is done but the call: customers are flagged, drawn and written to on paper, and nobody gets a message.",
    "pilot": "A share of the customers, or a list, gets its messages, up to so many a day; the rest stays in the shadow.",
    "live": "Whoever passes the gate and is not held out gets a message.",
}


@dataclass(frozen=True)
class Standing:
    """How far one playbook goes, and how often its issue was flagged lately."""

    issue: str
    playbook: Playbook | None       # None: an issue is watched for which there is no playbook
    approved: str
    flags_lately: int
    stopped: Sequence[str]          # brakes that are on

    @property
    def stated(self) -> str:
        """The mode its file says."""
        return self.playbook.mode if self.playbook else "none"

    @property
    def runs(self) -> str:
        """The mode in which it runs."""
        return lower(self.playbook.mode, self.approved) if self.playbook else "none"

    @property
    def gap(self) -> str | None:
        """What is missing, where customers are flagged and nothing is done for them."""
        if self.playbook is None:
            return "no playbook"
        return "no remedy" if self.playbook.remedy is None else None


def standings(session: Session, settings: Settings) -> list[Standing]:
    """Return how every issue stands, those with a playbook and those without, by name."""
    playbooks, approved, lately = load_playbooks(settings), approved_modes(session), flagged_lately(session)
    watched = {path.stem for path in Path(settings.folder / "issues").glob("*.toml")}
    stopped = open_brakes(session)
    return [Standing(issue, playbooks.get(issue), approved.get(issue, "shadow"), lately.get(issue, 0),
                     [brake.reason for brake in stopped if brake.issue in (issue, None)])
            for issue in sorted(watched | set(playbooks) | set(lately))]  # fmt: skip


def gaps(found: Sequence[Standing]) -> list[Standing]:
    """Return the issues that are flagged and have no remedy, the most often flagged first."""
    return sorted((each for each in found if each.gap and each.flags_lately), key=lambda each: -each.flags_lately)


def flagged_lately(session: Session) -> dict[str, int]:
    """Return how many flags each issue had in the four weeks up to the newest cohort."""
    newest = session.scalar(select(func.max(Cohort.day)).where(~Cohort.replay))
    if newest is None:
        return {}
    counted = select(Cohort.issue, func.sum(Cohort.size)).where(Cohort.day > newest - LATELY, ~Cohort.replay).group_by(Cohort.issue)
    return {issue: int(size) for issue, size in session.execute(counted)}


def unwatched(session: Session) -> Sequence[Row[str, int]]:
    """Return the troubles and contacts that no detector looks for, of the newest four weeks: event, n."""
    newest = session.scalar(select(func.max(Missed.day)))
    if newest is None:
        return []
    n = func.sum(Missed.n).label("n")
    here = (Missed.day > newest - LATELY, Missed.why == "no_detector")
    return session.execute(select(Missed.event, n).where(*here).group_by(Missed.event).order_by(n.desc(), Missed.event).limit(MOST_GAPS)).all()


def ladder(standing: Standing) -> list[dict[str, Any]]:
    """Return the three steps, with whether the file says so far, it was approved so far, and it runs there."""
    reached = [MODES.index(mode) if mode in MODES else -1 for mode in (standing.stated, standing.approved)]
    return [{"mode": mode, "says": LADDER[mode], "stated": n <= reached[0], "approved": n <= reached[1], "runs": mode == standing.runs}
            for n, mode in enumerate(MODES)]  # fmt: skip


def steps_taken(session: Session, issue: str) -> Sequence[Act]:
    """Return the acts that changed how far a playbook may go, the newest first."""
    return session.scalars(select(Act).where(Act.act == ACT, Act.subject == f"playbook {issue}").order_by(Act.id.desc()).limit(SHOWN)).all()


def versions(session: Session, issue: str) -> Sequence[Row[Any]]:
    """Return the versions of a playbook by which cohorts were planned, the newest first: version, first, last, days."""
    return session.execute(VERSIONS, {"issue": issue}).all()


def measures(session: Session, issue: str) -> Sequence[Measure]:
    """Return what the playbook promised to be judged by, each as it was frozen, the newest first."""
    return session.scalars(select(Measure).where(Measure.issue == issue).order_by(Measure.frozen_at.desc())).all()


def rehearsed(
    session: Session, issue: str, *, became: str = "", before: tuple[date, int] | None = None, limit: int | None = SHOWN
) -> Sequence[Row[Any]]:  # fmt: skip
    """Return whom we would have told and what then happened, the newest first, those `before` a (day, id) alone."""
    day, number = before or (date.max, 0)
    values: Mapping[str, Any] = {"issue": issue, "became": became, "day": day, "id": number, "limit": limit}
    return session.execute(REHEARSED, values).all()


# Of each cohort one message is looked at: a version changes between days, hardly ever within one.
VERSIONS = text("""
    SELECT v.playbook_version AS version, min(c.day) AS first, max(c.day) AS last, count(*) AS days
    FROM cohorts c CROSS JOIN LATERAL (
        SELECT m.playbook_version FROM messages m WHERE m.issue = c.issue AND m.day = c.day LIMIT 1
    ) v
    WHERE c.issue = :issue GROUP BY v.playbook_version ORDER BY max(c.day) DESC, v.playbook_version
""")

REHEARSED = text("""
    SELECT m.id, m.customer_id, m.day, m.due_at, f.probability, f.days_until, f.reasons, f.state AS became, f.closed_on
    FROM messages m JOIN flags f ON f.id = m.flag_id
    WHERE m.issue = :issue AND m.state = 'shadow' AND m.kind = 'notice' AND (m.day, m.id) < (:day, :id)
      AND (:became = '' OR f.state = :became)
    ORDER BY m.day DESC, m.id DESC LIMIT :limit
""")
