"""Surprises: something small on top once a thing was put right, as far as the month's budget reaches, once a flag.

It follows a receipt: of the amends for a mistake of ours always, of a fix for a share of the flags, drawn by hash over both
arms alike. Nobody is asked for a surprise, so one that the budget cannot pay is not given; it never waits.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from core.settings import Settings
from outreach.gestures import GESTURE, MISTAKE, SURPRISE, Claim, amends_of, give, hold_budget, spent
from outreach.holdout import draw
from outreach.playbook import Playbook

LOOK_BACK = timedelta(days=3)  # a receipt that an evening's run did not get to is still fresh then


def surprise_those_put_right(
    session: Session, playbooks: Mapping[str, Playbook], *, settings: Settings, now: datetime
) -> int:
    """Give what follows the receipts of the last days that nothing followed yet; return how many surprises were given."""
    return sum(_surprise(session, playbook, settings, now) for _, playbook in sorted(playbooks.items())
               if playbook.gesture is not None and playbook.gesture.surprise is not None)  # fmt: skip


def _surprise(session: Session, playbook: Playbook, settings: Settings, now: datetime) -> int:
    amends = amends_of(playbook, settings)
    if amends.surprise is None:
        return 0
    month, cents, granted = hold_budget(session, playbook.issue, now), amends.surprise.cents, 0
    left = amends.budget_cents_a_month - spent(session, playbook.issue, month)
    for row in _put_right(session, playbook.issue, now):
        chosen = row.kind == MISTAKE or draw(settings.outreach.assignment_salt, f"{SURPRISE} {playbook.issue}", 0, row.about) < amends.surprise.share
        if not chosen or cents > left:
            continue
        claim = Claim(row.customer_id, f"after {row.about}", "beforehand", SURPRISE, row.flag_id, cents)
        granted += give(session, playbook, claim, settings=settings, now=now).settled_at == now
        left -= cents
    return granted


def _put_right(session: Session, issue: str, now: datetime) -> Sequence[Row[tuple[str, int | None, str, str]]]:
    """Return customer, flag, kind and what it is about, of each receipt that no surprise followed; mistakes come first."""
    asked = {"issue": issue, "since": now - LOOK_BACK, "gesture": GESTURE, "mistake": MISTAKE, "surprise": SURPRISE}
    return session.execute(PUT_RIGHT, asked).all()


# The gesture of an action stands for the flag that it was made for; a fix names its own.
PUT_RIGHT = text("""
    SELECT done.customer_id, done.flag_id, done.kind, done.about FROM (
        SELECT DISTINCT ON (about) a.customer_id, COALESCE(g.flag_id, a.flag_id) AS flag_id, COALESCE(g.kind, 'fix') AS kind,
               CASE WHEN COALESCE(g.flag_id, a.flag_id) IS NULL THEN a.key ELSE 'flag ' || COALESCE(g.flag_id, a.flag_id) END AS about
        FROM actions a LEFT JOIN gestures g ON g.action_key = a.key
        WHERE a.issue = :issue AND a.state = 'done' AND a.settled_at >= :since AND (a.what <> :gesture OR g.kind = :mistake)
          AND a.customer_id NOT LIKE 'erased:%'
        ORDER BY about, g.kind = :mistake DESC NULLS LAST
    ) done
    WHERE NOT EXISTS (
        SELECT 1 FROM gestures s WHERE s.customer_id = done.customer_id AND s.kind = :surprise
          AND (s.flag_id = done.flag_id OR s.because = 'after ' || done.about)
    )
    ORDER BY done.kind = :mistake DESC, done.about
""")
