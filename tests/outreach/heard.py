"""What a provider posts about a message, and who is suppressed afterwards."""

import json

from sqlalchemy import select

from ledger.suppressions import Suppression
from outreach.events import hear_events, keep
from tests.outreach.house import NOW

AT = int(NOW.timestamp())


def event(message, kind, *, number=0, **more):
    return {"event": kind, "message": message.key, "sg_event_id": f"{message.key}-{kind}-{number}", "timestamp": AT + number,
            "email": f"{message.customer_id}@example.org"} | more  # fmt: skip


def post(house, *events, now=NOW):
    keep(house.settings, "sendgrid", json.dumps(events).encode(), "application/json", now=now)
    return hear_events(now=now, settings=house.settings)


def suppressed(house):
    with house.open() as session:
        return {(s.subject, s.reason) for s in session.scalars(select(Suppression))}
