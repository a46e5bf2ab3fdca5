"""A scene: a company's ledger on an ordinary morning, for pictures and tests of pages. Made up, and the same each time.

Weeks of cohorts of three issues, one far above its usual size that waits, calls to make, a message in doubt, a brake, and
what the last weeks missed.
"""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from core.clock import last_whole_day
from core.settings import Settings
from ledger.acts import Act
from ledger.brakes import pull_brake
from ledger.calls import list_calls
from ledger.cohorts import Cohort
from ledger.customers import Customer
from ledger.database import sessions
from ledger.days import mark_done
from ledger.flags import Flag
from ledger.messages import Message
from ledger.missed import Missed
from outreach.plan import message_key

ISSUES = ("payment_failing", "app_trouble", "fee_shock")
WAITING = ("payment_failing", 412)      # the cohort that waits, and its size
WEEKS = 9
REASONS = (
    ("2 payments that failed in the last 28 days; customers like this one: 0", "billing__payment_failed__count_28d"),
    ("the card expires in 11 days; customers like this one: 400", "billing__card__days_until_expiry"),
    ("3 errors in the last 7 days; customers like this one: 0", "telemetry__error__count_7d"),
    ("41 days since the last of sessions; customers like this one: 2", "telemetry__session__recency"),
    ("plan is monthly; so it is for 38% of customers like this one", "customers__plan__is_monthly"),
)  # fmt: skip
TRAITS = [
    {"feature": "customers__plan__is_monthly", "value": 1.0, "flagged": 301, "share_flagged": 0.73, "share_at_risk": 0.38, "lift": 1.92,
     "p": 1e-12, "said": "plan is monthly: 73% of the flagged, 38% of all at risk"},
    {"feature": "telemetry__release__is_8_2", "value": 1.0, "flagged": 96, "share_flagged": 0.23, "share_at_risk": 0.14, "lift": 1.66,
     "p": 1e-5, "said": "release is 8.2: 23% of the flagged, 14% of all at risk"},
]  # fmt: skip
MISSED = (("contacts.billing_question", {"foreseen": 18, "below_the_line": 9, "no_detector": 0, "too_late": 3, "no_data": 1}),
          ("contacts.app_crash", {"foreseen": 41, "below_the_line": 6, "no_detector": 0, "too_late": 8, "no_data": 2}),
          ("contacts.delivery_late", {"foreseen": 0, "below_the_line": 0, "no_detector": 22, "too_late": 0, "no_data": 4}))  # fmt: skip
CALL = ("Hello, this is Lumen. Your last payment did not reach us, and your service was about to stop. We have kept it on and "
        "try the payment again next week.\nIs there anything that makes it hard to pay just now?")


def scene(settings: Settings, *, now: datetime) -> date:
    """Write the scene and return the day of the cohort that waits."""
    dice, day = random.Random(7), last_whole_day(now)
    with sessions(settings).begin() as session:
        _cohorts(session, dice, day, now)
        flags = _flags(session, dice, day, now)
        _messages(session, settings, flags[:9], day, now)
        _missed(session, dice, day, now)
        pull_brake(session, issue="fee_shock", kind="complaints", reason=(
            "4 of 2,310 messages to gmail.example were marked as spam within seven days: 0.17%, at most 0.10% is allowed"), now=now)  # fmt: skip
        for step in ("detect", "addresses", "review", "plan", "missed", "watch"):
            mark_done(session, day - timedelta(days=2 if step == "watch" else 0), step, now=now, counts={})
    return day


def _cohorts(session: Session, dice: random.Random, day: date, now: datetime) -> None:
    for issue in ISSUES:
        for week in range(WEEKS, 0, -1):
            at = now - timedelta(weeks=week)
            session.add(Cohort(issue=issue, day=day - timedelta(weeks=week), size=dice.randint(120, 210), expected_precision=0.38, expected_worth=720.0,
                               state="approved", decided_by="mia@lumen.example", decided_at=at, planned_at=at, created_at=at))  # fmt: skip
    issue, size = WAITING
    session.add(Cohort(issue=issue, day=day, size=size, expected_precision=0.41, expected_worth=1843.5, over_represented=TRAITS, created_at=now))
    session.add(Cohort(issue="app_trouble", day=day, size=96, expected_precision=0.33, expected_worth=402.0, state="held", created_at=now,
                       decided_by="mia@lumen.example", decided_at=now, note="Ask product first whether 8.2 is being rolled back."))  # fmt: skip
    session.add(Act(actor="mia@lumen.example", act="hold", subject=f"cohort app_trouble {day}", detail={"note": "Ask product first."}, at=now))
    session.add(Act(actor="Head of Service", act="mode", subject=f"playbook {issue}", detail={"mode": "live"}, at=now - timedelta(weeks=WEEKS)))


def _flags(session: Session, dice: random.Random, day: date, now: datetime) -> list[dict[str, Any]]:
    session.execute(insert(Customer), [
        {"customer_id": f"c{n:06d}", "unit_id": f"c{n:06d}", "name": f"Zoë Müller {n}", "address": f"zoe{n}@example.org", "phone": "+49 40 555 0142",
         "language": dice.choice(["en", "de"]), "time_zone": "Europe/Berlin", "country": "DE", "consent": True, "updated_at": now}
        for n in range(WAITING[1] + 96)])  # fmt: skip
    rows = list(_flag_rows(dice, WAITING[0], 0, WAITING[1], day, now)) + list(_flag_rows(dice, "app_trouble", WAITING[1], 96, day, now))
    ids = session.scalars(insert(Flag).returning(Flag.id, sort_by_parameter_order=True), rows)
    return [row | {"id": number} for row, number in zip(rows, ids, strict=True)]


def _flag_rows(dice: random.Random, issue: str, first: int, size: int, day: date, now: datetime) -> Iterator[dict[str, Any]]:
    for n in range(first, first + size):
        said = dice.sample(REASONS, dice.randint(1, 3))
        probability = round(min(0.96, 0.12 + dice.betavariate(2, 4)), 4)
        yield {"customer_id": f"c{n:06d}", "issue": issue, "day": day, "probability": probability, "days_until": float(dice.randint(2, 27)),
               "reasons": [text for text, _ in said], "evidence": {name: {"value": 2.0, "usual": 0.0} for _, name in said},
               "detector": "learned", "replay": False, "state": "open", "created_at": now}  # fmt: skip


def _messages(session: Session, settings: Settings, flags: list[dict[str, Any]], day: date, now: datetime) -> None:
    """Write older messages of which one is in doubt and three are on the call list."""
    calls = []
    for place, flag in enumerate(flags):
        key = message_key(settings, issue=flag["issue"], customer_id=flag["customer_id"], day=day - timedelta(days=3), kind="notice")
        state, channel = ("uncertain", "sendgrid") if place < 2 else ("accepted", "call_list" if place < 5 else "mailbox")
        session.add(Message(key=key, flag_id=flag["id"], kind="update", issue=flag["issue"], playbook_version="v", customer_id=flag["customer_id"],
                            unit_id=flag["customer_id"], channel=channel, day=day - timedelta(weeks=1), state=state, reasons=[], planned_at=now,
                            due_at=now, claimed_at=now - timedelta(hours=3), settled_at=now - timedelta(hours=2), fence=1))  # fmt: skip
        if channel == "call_list":
            calls.append({"message_key": key, "says": CALL, "listed_at": now - timedelta(hours=20 - place)})
    session.flush()
    list_calls(session, calls)


def _missed(session: Session, dice: random.Random, day: date, now: datetime) -> None:
    for back in range(56):
        for event, whys in MISSED:
            for why, n in whys.items():
                some = max(0, round(n / 7 * dice.uniform(0.7, 1.3) * (0.75 + (56 - back) / 224 if why == "foreseen" else 1)))
                if some:
                    session.add(Missed(day=day - timedelta(days=back), event=event, why=why, n=some, counted_at=now))
