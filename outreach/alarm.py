"""What pulls the brake after sending: hard bounces of an issue, complaints at one domain, counts that do not reconcile.

Rates are over the seven days before. A provider that sends no complaints is not one without complaints: see `silent`.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.brakes import pull_brake
from ledger.messages import SENT
from ledger.provider_events import ProviderEvent
from outreach.event import Kind

WINDOW = timedelta(days=7)
LEAST_HARD_BOUNCES = 5  # one of three letters says nothing about an address list


def look_at_rates(session: Session, settings: Settings, *, now: datetime) -> list[str]:
    """Pull the brakes that a week's bounces and complaints ask for; return why each is pulled."""
    limits, since = settings.outreach.events, now - WINDOW
    sent = {"since": since, "now": now, "sent": [str(state) for state in SENT]}
    reasons = []
    for row in session.execute(BOUNCES, sent):
        if row.bounced >= LEAST_HARD_BOUNCES and row.bounced > limits.hard_bounces_at_most * row.sent:
            reason = (f"{row.bounced} of {row.sent} messages of the last 7 days bounced for good ({row.bounced / row.sent:.1%}), "
                      f"more than {limits.hard_bounces_at_most:.1%}. Look at where the addresses come from.")  # fmt: skip
            pull_brake(session, issue=row.issue, kind="bounces", reason=reason, now=now)
            reasons.append(reason)
    for row in session.execute(COMPLAINTS, sent):
        if row.complained >= limits.complaints_at_least and row.complained >= limits.complaints_at_most * row.sent:
            reason = (f"{row.complained} of {row.sent} messages of the last 7 days to {row.domain} were marked as spam "
                      f"({row.complained / row.sent:.2%}), {limits.complaints_at_most:.2%} or more. Look at the words, and at who gets them.")  # fmt: skip
            pull_brake(session, issue=None, kind="complaints", reason=reason, now=now)
            reasons.append(reason)
    return reasons


def silent(session: Session, provider: str) -> bool:
    """Whether a provider has never told us of a complaint: then their number is unknown, not zero."""
    told = select(ProviderEvent.event_id).where(ProviderEvent.provider == provider, ProviderEvent.kind == Kind.COMPLAINED)
    return session.scalar(told.limit(1)) is None


BOUNCES = text("""
    SELECT m.issue, count(*) AS sent, count(e.message_key) AS bounced
    FROM messages m LEFT JOIN (
        SELECT DISTINCT message_key FROM provider_events WHERE kind = 'bounced' AND detail ? 'hard'
    ) e ON e.message_key = m.key
    WHERE m.settled_at > :since AND m.settled_at <= :now AND m.state = ANY(CAST(:sent AS text[]))
    GROUP BY m.issue ORDER BY m.issue
""")

COMPLAINTS = text("""
    SELECT split_part(c.address, '@', 2) AS domain, count(*) AS sent,
           count(*) FILTER (WHERE o.message_id IS NOT NULL) AS complained
    FROM messages m JOIN customers c USING (customer_id)
    LEFT JOIN outcomes o ON o.message_id = m.id AND o.kind = 'complained'
    WHERE m.settled_at > :since AND m.settled_at <= :now AND m.state = ANY(CAST(:sent AS text[]))
    GROUP BY 1 HAVING count(*) FILTER (WHERE o.message_id IS NOT NULL) > 0 ORDER BY 1
""")
