"""Hold out or contact: drawn by salted hash per contact unit, written before anything is sent, frozen.

Two holdouts, never mixed: the programme's (scope `programme`) comes first, an issue's is drawn given the rest.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.clock import add_months
from core.settings import Settings
from ledger.assignments import Assignment
from ledger.bulk import copy_once

PROGRAMME = "programme"
CONTACT, HOLD_OUT, LATER = "contact", "hold_out", "later"
COLUMNS = ("scope", "unit_id", "epoch", "arm", "share", "design", "later_at", "customer_id", "flag_id", "playbook_version", "mode", "assigned_at",
           "assigned_on", "frozen_until")  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """A unit that needs an arm in a scope, and the flag that brought it about."""

    scope: str
    unit_id: str
    share: float
    customer_id: str
    flag_id: int
    playbook_version: str
    mode: str
    design: str = "hold_out"
    later_at: datetime | None = None    # delay: when it is told if told later


@dataclass(frozen=True)
class Drawn:
    """A unit's arm, and until when it is frozen."""

    arm: str
    epoch: int
    frozen_until: date


def draw(salt: str, scope: str, epoch: int, unit_id: str) -> float:
    """Return a number in [0, 1) that depends on nothing but these; a unit is held out, or told later, below the share."""
    digest = hashlib.sha256("\x1f".join((salt, scope, str(epoch), unit_id)).encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / (1 << 53)


def assign(
    session: Session, wishes: Sequence[Wish], *, settings: Settings, day: date, now: datetime
) -> dict[tuple[str, str], str]:
    """Return the arm of each (scope, unit), drawing for those that have none yet or whose frozen time is over.

    The caller holds the planner's lock, so that nobody draws beside it.
    """
    until = add_months(day, settings.outreach.frozen_months)
    held = standing(session, {(wish.scope, wish.unit_id) for wish in wishes}, settings=settings, day=day)
    new: dict[tuple[str, str], Sequence[Any]] = {}
    arms: dict[tuple[str, str], str] = {}
    for wish in wishes:
        slot = (wish.scope, wish.unit_id)
        drawn = held.get(slot)
        if drawn is None or drawn.frozen_until <= day:
            held[slot] = drawn = _draw(wish, 0 if drawn is None else drawn.epoch + 1, settings, until)
            new[slot] = (*slot, drawn.epoch, drawn.arm, wish.share, wish.design, wish.later_at, wish.customer_id, wish.flag_id, wish.playbook_version,
                         wish.mode, now, day, drawn.frozen_until)  # fmt: skip
        arms[slot] = drawn.arm
    if new:
        copy_once(session, Assignment, COLUMNS, new.values(), key=("scope", "unit_id", "epoch"))
    return arms


def standing(
    session: Session, slots: Iterable[tuple[str, str]], *, settings: Settings, day: date
) -> dict[tuple[str, str], Drawn]:
    """Return the draw that counts for each (scope, unit) on `day`, or the newest one where its time is over.

    Units that merged keep the arm that any of their customers got first, as long as it is frozen.
    """
    asked = list(slots)
    if not asked:
        return {}
    alone = settings.outreach.contact_unit == "customer"
    values = {"scopes": json.dumps([scope for scope, _ in asked]), "units": json.dumps([unit for _, unit in asked]), "day": day}
    return {(row.scope, row.unit_id): Drawn(row.arm, row.epoch, row.frozen_until)
            for row in session.execute(OF_UNIT if alone else OF_UNIT_OR_ITS_CUSTOMERS, values)}  # fmt: skip


def is_held_out(session: Session, unit_id: str, *, issue: str, day: date, settings: Settings) -> bool:
    """Whether a unit is held out from an issue's playbook or from the whole programme on `day`."""
    return bool(held_out_from(session, unit_id, scopes=(PROGRAMME, issue), day=day, settings=settings))


def held_out_from(
    session: Session, unit_id: str, *, scopes: Iterable[str], day: date, settings: Settings
) -> dict[str, date]:
    """Return from which of some scopes a unit is held out on `day`, and until when."""
    slots = [(scope, unit_id) for scope in scopes]
    return {scope: drawn.frozen_until for (scope, _), drawn in standing(session, slots, settings=settings, day=day).items()
            if drawn.arm == HOLD_OUT and day < drawn.frozen_until}  # fmt: skip


def _draw(wish: Wish, epoch: int, settings: Settings, until: date) -> Drawn:
    below = draw(settings.outreach.assignment_salt, wish.scope, epoch, wish.unit_id) < wish.share
    return Drawn(CONTACT if not below else LATER if wish.design == "delay" else HOLD_OUT, epoch, until)


ASKED = """asked AS (
        SELECT s.value AS scope, u.value AS unit_id
        FROM jsonb_array_elements_text(CAST(:scopes AS jsonb)) WITH ORDINALITY AS s(value, n)
        JOIN jsonb_array_elements_text(CAST(:units AS jsonb)) WITH ORDINALITY AS u(value, n) USING (n)
    )"""

OF_UNIT = text(f"""
    WITH {ASKED}
    SELECT DISTINCT ON (scope, unit_id) scope, unit_id, arm, epoch, frozen_until
    FROM asked JOIN assignments USING (scope, unit_id)
    ORDER BY scope, unit_id, epoch DESC
""")

# Of several draws that reach the unit, the first one that is still frozen counts; where none is, the newest.
OF_UNIT_OR_ITS_CUSTOMERS = text(f"""
    WITH {ASKED},
    reached AS (
        SELECT asked.scope, asked.unit_id, a.arm, a.epoch, a.frozen_until, a.assigned_at, a.id
        FROM asked JOIN assignments a USING (scope, unit_id)
        UNION
        SELECT asked.scope, asked.unit_id, a.arm, a.epoch, a.frozen_until, a.assigned_at, a.id
        FROM asked JOIN customers c USING (unit_id)
        JOIN assignments a ON a.customer_id = c.customer_id AND a.scope = asked.scope
    )
    SELECT DISTINCT ON (scope, unit_id) scope, unit_id, arm, max(epoch) OVER (PARTITION BY scope, unit_id) AS epoch, frozen_until
    FROM reached
    ORDER BY scope, unit_id, frozen_until <= :day, CASE WHEN frozen_until > :day THEN assigned_at END, epoch DESC, id
""")
