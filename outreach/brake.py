"""The brake before the draw: a cohort far above its usual size waits until a person looks; outreach.alarm pulls those after it.

How recipient domains take our mail is shown beside it; one from which no complaint was ever heard is unknown, never zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.brakes import Brake, pull_brake
from ledger.cohorts import Cohort
from ledger.messages import SENT

SIZE = "size"
SEVEN_DAYS = timedelta(days=7)


@dataclass(frozen=True)
class Reputation:
    """How one recipient domain took the messages of the last days; `complaints` None: it never told us of any."""

    domain: str
    sent: int
    bounced: int
    complaints: int | None


def reputation(session: Session, *, now: datetime) -> list[Reputation]:
    """Return one row for each recipient domain written to within seven days, the largest first."""
    rows = session.execute(REPUTATION, {"since": now - SEVEN_DAYS, "now": now, "sent": [str(state) for state in SENT]})
    return [Reputation(row.domain, row.sent, row.bounced, row.complained if row.ever else None) for row in rows]


def pull_by_size(session: Session, cohorts: Sequence[Cohort], settings: Settings, *, now: datetime) -> set[str]:
    """Pull the brake of each issue whose cohort is far above its usual size; return the issues that are stopped by it."""
    stopped = set()
    for cohort in cohorts:
        usual = usual_size(session, cohort, settings.outreach.brake.usual_of)
        limits = settings.outreach.brake
        if usual is None or cohort.size < max(limits.size_at_least, limits.size_times * usual):
            continue
        if _lifted_since(session, cohort.issue, SIZE, cohort.created_at):
            continue
        reason = f"cohort {cohort.issue} {cohort.day}: {cohort.size} customers, usually {usual:g}"
        pull_brake(session, issue=cohort.issue, kind=SIZE, reason=reason, now=now)
        stopped.add(cohort.issue)
    return stopped


def usual_size(session: Session, cohort: Cohort, of: int) -> float | None:
    """Return the median size of the cohorts before this one, or None where there are too few to say."""
    before = select(Cohort.size).where(Cohort.issue == cohort.issue, Cohort.day < cohort.day, ~Cohort.replay)
    sizes = session.scalars(before.order_by(Cohort.day.desc()).limit(of)).all()
    return float(median(sizes)) if len(sizes) >= of // 2 else None


def _lifted_since(session: Session, issue: str | None, kind: str, since: datetime) -> bool:
    same = (Brake.issue.is_not_distinct_from(issue), Brake.kind == kind, Brake.lifted_at >= since)
    return session.scalar(select(Brake.id).where(*same).limit(1)) is not None


# A domain is known to report complaints once it ever did.
REPUTATION = text("""
    WITH told AS (
        SELECT split_part(c.address, '@', 2) AS domain, m.state, COALESCE(m.claimed_at, m.due_at) AS at,
               m.state = 'complained' OR EXISTS (
                   SELECT 1 FROM outcomes o WHERE o.message_id = m.id AND o.kind = 'complained') AS complained
        FROM messages m JOIN customers c USING (customer_id)
        WHERE m.state = ANY(CAST(:sent AS text[])) AND c.address LIKE '%@%'
    )
    SELECT domain, count(*) FILTER (WHERE at > :since AND at <= :now) AS sent,
           count(*) FILTER (WHERE at > :since AND at <= :now AND state = 'bounced') AS bounced,
           count(*) FILTER (WHERE at > :since AND at <= :now AND complained) AS complained,
           bool_or(complained) AS ever
    FROM told GROUP BY domain HAVING count(*) FILTER (WHERE at > :since AND at <= :now) > 0
    ORDER BY sent DESC, domain
""")
