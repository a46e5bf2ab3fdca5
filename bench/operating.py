"""A company that has been operating for a while, for pictures and tests of the pages about playbooks, data, models and people.

What is written goes through the same tables and books as the real thing; only the past itself is made up.
"""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import insert
from sqlalchemy.orm import Session

from console import people
from core import clock
from core.settings import Settings
from feature_store import lake, release
from feature_store.bookkeeping import record_pull
from feature_store.sources.configured import load_sources
from ledger import api_tokens
from ledger.acts import Act
from ledger.brakes import pull_brake
from ledger.cohorts import Cohort
from ledger.database import sessions
from ledger.days import mark_done
from ledger.flags import Flag
from ledger.measures import Measure
from ledger.messages import Message
from ledger.missed import Missed
from ledger.models import Model
from ledger.people import by_email
from ledger.verdicts import Verdict
from ledger.watches import Watch
from outreach.plan import message_key
from outreach.playbook import load_playbooks

DAYS = 40
MARGIN = 0.041  # of a model's skill, either way
ISSUES = {  # issue: flags a day, share that is struck, what its messages become
    "payment_failing": (9, 0.44, ("accepted", "held_out", "suppressed")), "app_trouble": (5, 0.31, ("accepted", "held_out")),
    "card_running_out": (6, 0.38, ("shadow",)), "something_odd": (4, 0.12, ("shadow",)), "fee_shock": (3, 0.25, ("accepted", "held_out")),
}  # fmt: skip
REASONS = {"payment_failing": ["2 failed payments in 30 days", "the card expires in 9 days"], "app_trouble": ["14 crashes in 7 days on version 8.2"],
           "card_running_out": ["the card expires in 12 days"], "something_odd": ["used half as much as a month ago"],
           "fee_shock": ["a service fee of its own on the next invoice"]}  # fmt: skip
TROUBLES = (("contacts.cannot_sign_in", 61), ("contacts.delivery_late", 37), ("billing.card_dispute", 12))
REASON = "breaks ExpectColumnValuesToBeBetween(column='amount_cents', min_value=0.0, max_value=500000.0)"


def operate(settings: Settings, *, seed: int = 7) -> date:
    """Write the past of a company into its ledger and books, up to yesterday; return that day."""
    chance, last, now = random.Random(seed), clock.last_whole_day(clock.now()), clock.now()
    with sessions(settings).begin() as session:
        for issue in ISSUES:
            _flag(session, settings, issue, last, chance)
        _decide(session, settings, last, now)
        _learn(session, last, chance)
        session.execute(insert(Missed), [{"day": last - timedelta(days=n), "event": event, "why": why, "n": max(1, often // 4 - n % 3), "counted_at": now}
                                         for n in range(20) for event, often in TROUBLES for why in ("no_detector", "no_data")])  # fmt: skip
        for step in ("detect", "review", "plan", "watch", "missed", "measure"):
            mark_done(session, last, step, now=now - timedelta(hours=3), counts={"flags": 27, "alarms": 1})
        _let_in(session, now)
    _pull(settings, last)
    return last


def _flag(session: Session, settings: Settings, issue: str, last: date, chance: random.Random) -> None:
    playbook = load_playbooks(settings)[issue]
    for ago in reversed(range(DAYS)):
        day, at = last - timedelta(days=ago), _at(last - timedelta(days=ago - 1), 5)
        rows = list(_flags(issue, day, at, ended=ago > 14, chance=chance))
        found = session.scalars(insert(Flag).returning(Flag), rows).all()
        session.add(Cohort(issue=issue, day=day, size=len(rows), expected_precision=0.4, state="waiting" if ago == 0 else "approved",
                           created_at=at, decided_by=None if ago == 0 else "within limits"))  # fmt: skip
        for flag in found:
            state = chance.choice(ISSUES[issue][2])
            refused = ["quiet_days"] if state == "suppressed" else []
            session.add(Verdict(flag_id=flag.id, passed=not refused, reasons=refused, judged_at=at))
            session.add(Message(
                key=message_key(settings, issue=issue, customer_id=flag.customer_id, day=day, kind="notice"), flag_id=flag.id, kind="notice",
                issue=issue, playbook_version=playbook.version if ago < 20 else "4f0c19d2a7be", customer_id=flag.customer_id,
                unit_id=flag.customer_id, channel="mailbox", day=day, state=state, reasons=refused, planned_at=at, due_at=at, fence=0))  # fmt: skip


def _flags(issue: str, day: date, at: datetime, *, ended: bool, chance: random.Random) -> Iterator[dict[str, Any]]:
    usual, struck, _ = ISSUES[issue]
    for n in range(max(1, usual + chance.randint(-2, 2))):
        state = "open" if not ended else "struck" if chance.random() < struck else chance.choice(("expired", "over"))
        yield {"customer_id": f"c-{day:%m%d}-{issue[:3]}{n}", "issue": issue, "day": day, "probability": round(chance.uniform(0.22, 0.71), 3),
               "days_until": chance.randint(2, 20), "reasons": REASONS[issue], "evidence": {}, "detector": "lightgbm", "replay": False,
               "state": state, "closed_on": day + timedelta(days=9) if state != "open" else None, "created_at": at}  # fmt: skip


def _decide(session: Session, settings: Settings, last: date, now: datetime) -> None:
    playbooks = load_playbooks(settings)
    for issue, mode, note, ago in (("payment_failing", "pilot", "Forty looked at by hand, all right", 38), ("payment_failing", "live", "The pilot's week was calm", 30),
                                   ("app_trouble", "live", "Agreed with product", 33), ("fee_shock", "pilot", "Small first", 21)):  # fmt: skip
        before = "pilot" if (issue, mode) == ("payment_failing", "live") else "shadow"
        detail = {"mode": mode, "before": before, "version": playbooks[issue].version, "note": note,
                  "evidence": {"flags": 211, "struck": 92, "was_right": 0.436, "brakes": []}}  # fmt: skip
        session.add(Act(actor="ada@lumen.example", act="mode", subject=f"playbook {issue}", detail=detail, at=now - timedelta(days=ago)))
    for n in range(120):
        session.add(Act(actor="grace@lumen.example" if n % 3 else "within limits", act="approve" if n % 7 else "trim",
                        subject=f"cohort payment_failing {last - timedelta(days=n)}", at=now - timedelta(days=n % 36, hours=n % 5),
                        detail={"note": "as usual"} if n % 7 else {"note": "on the list of the recall", "flags": [n, n + 1]}))  # fmt: skip
    for issue in ("payment_failing", "app_trouble", "fee_shock"):
        measure = playbooks[issue].measure
        session.add(Measure(issue=issue, version=measure.version, measure=measure.model_dump(mode="json"), frozen_at=now - timedelta(days=38)))
    pull_brake(session, issue="fee_shock", kind="bounces", reason="18 of 402 messages of a week bounced for good, 4.5%; at most 2% may", now=now)


def _learn(session: Session, last: date, chance: random.Random) -> None:
    for issue, skill in (("payment_failing", 0.183), ("app_trouble", 0.121), ("card_running_out", 0.204)):
        for n, (state, ago) in enumerate((("champion", 24), ("retired", 52), ("challenger", 52))):
            found, low, high = skill - n / 50, skill - n / 50 - MARGIN, skill - n / 50 + MARGIN
            session.add(Model(
                sha=f"{issue[:2]}{n}c4e19b70d{n}", issue=issue, detector="lightgbm", state=state, trained_on=last - timedelta(days=ago + n),
                feature_set="f1", flag_at=0.21, created_at=_at(last - timedelta(days=ago), 4), judged_on=last - timedelta(days=ago - 20),
                promoted_on=last - timedelta(days=ago) if state != "challenger" else None, why=f"skill {found:+.3f} ({low:+.3f} to {high:+.3f})",
                scores={"skill": found, "skill_low": low, "skill_high": high, "average_precision": 0.31, "base_rate": 0.04}))  # fmt: skip
        session.execute(insert(Watch), list(_watches(issue, last, chance)))


def _watches(issue: str, last: date, chance: random.Random) -> Iterator[dict[str, Any]]:
    for ago in range(20):
        ratio, right = round(chance.uniform(0.9, 1.12), 2), 93 + chance.randint(-4, 4)
        odd = issue == "app_trouble"
        looks = {
            "precision": (right / 211, 211, False, f"{right} of 211 held-out flags were right, {right / 211:.0%} (37% to 51%); 43% were claimed", {"claimed": 0.43}),
            "calibration": (ratio, 4210, False, f"{ratio * 180:.0f} troubles came of 180 expected ({ratio:.2f}, give or take 0.15)", {}),
            "scores": (0.31 if odd else 0.04, 4210, odd, f"population stability index {0.31 if odd else 0.04} (alarm above 0.25)", {}),
            "stale": (4.0 + ago, 1, False, f"last held against what happened {4 + ago} days ago (at most 120)", {}),
        }
        for kind, (value, n, alarm, why, detail) in looks.items():
            yield {"day": last - timedelta(days=ago), "issue": issue, "detector": "lightgbm", "kind": kind, "model_sha": None, "value": value, "n": n,
                   "alarm": alarm, "why": why, "detail": detail, "at": _at(last, 5)}  # fmt: skip


def _let_in(session: Session, now: datetime) -> None:
    for name, role in (("Grace Hopper", "reviewer"), ("Alan Turing", "viewer"), ("Edsger Dijkstra", "viewer")):
        people.add(session, email=f"{name.split()[0].lower()}@lumen.example", name=name, role=role, by="ada@lumen.example", now=now - timedelta(days=39))
    gone = by_email(session, "edsger@lumen.example")
    if gone is not None:
        people.disable(session, gone, by="ada@lumen.example", now=now - timedelta(days=3))
    api_tokens.make_token(session, name="crm", scopes=["holdout:read", "flags:read"], by="ada@lumen.example", now=now - timedelta(days=30))
    api_tokens.make_token(session, name="call centre", scopes=["contacts:write"], by="ada@lumen.example", now=now, lasts=timedelta(days=90))
    api_tokens.make_token(session, name="old crm", scopes=["flags:read"], by="ada@lumen.example", now=now - timedelta(days=90))
    api_tokens.revoke(session, "old crm", now=now - timedelta(days=30))


def _pull(settings: Settings, last: date) -> None:
    for n, source in enumerate(sorted(load_sources(settings))):
        read, bad = 41_000 // (n + 1), 3 if source == "billing" else 0
        record_pull(settings, {"source": source, "first": last - timedelta(days=20), "last": last, "again": False, "read": read, "kept": read - bad - 12,
                               "quarantined": bad, "dropped": '{"seen_before": 12}', "signature": ""})  # fmt: skip
    lake.close_days(settings, last - timedelta(days=20), last)
    raw = '{{"invoice": "i-{n}", "customer": "c{n}", "amount_cents": {cents}, "paid_at": "2026-03-31 08:1{n}"}}'
    rows = [("billing.csv", 311 + n, "payment_succeeded", f"e-{n}", REASON, raw.format(n=n, cents=812_000 + n)) for n in range(2)]
    rows.append(("billing.csv", 402, "payment_failed", "e-9", "customer_id is empty", raw.format(n=9, cents=1200)))
    table = pl.DataFrame(rows, schema=release.ROWS, orient="row")
    table.write_parquet(str(settings.place("quarantine", "billing") / f"{last - timedelta(days=2)}.parquet"))


def _at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
