"""Readings: every issue's months of assignment, and all of them pooled, at 1, 6 and 18 months, for every outcome.

A reading is issued once. A row that is not yet readable is kept up to date in place until it is; a row that was issued
changes only by a new numbered revision, when its figures changed. A measurement as of an earlier day changes nothing later.
"""

import math
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.clock import as_day
from core.settings import Settings, current
from ledger.database import sessions
from ledger.days import mark_done
from ledger.readings import Reading
from loyalty.album import draw_album
from loyalty.due import FIGURES, Row, due_rows
from loyalty.forecasts import forecast_month
from loyalty.outcomes import OUTCOMES
from loyalty.readable import POOLED, data_cut
from loyalty.row import KEY as OF_DESIGN
from loyalty.surveys import KINDS, draw_due_samples
from loyalty.watch import watch
from loyalty.wording import printable

KEY = (*OF_DESIGN, "design")
ORDER = (*OUTCOMES, *KINDS)


def measure_day(*, day: date | str, now: datetime, settings: Settings | None = None) -> dict[str, Any]:
    """Write one row for every issue, month of assignment (and `pooled`), horizon, outcome and design; return how many of what."""
    settings = settings or current()
    day = as_day(day)
    cut = data_cut(settings, day)
    with sessions(settings).begin() as session:
        asked = draw_due_samples(settings, session, day=day, now=now)
        rows = due_rows(settings, session, cut)
        counts: dict[str, Any] = {"day": day.isoformat(), **_issue(session, rows, day=day, now=now)}
        counts |= watch(settings, session, cut, day=day, now=now)
        counts["forecasts"] = forecast_month(settings, session, cut, day=day, now=now)
        counts["asked"] = asked
        counts["pictures"] = draw_album(settings, session, rows, cut) if _changed(counts) else 0
        mark_done(session, day, "measure", now=now, counts=counts)
    return counts


def _changed(counts: dict[str, Any]) -> bool:
    return any(counts[name] for name in ("issued", "updated", "revised", "looks", "forecasts"))


def latest(session: Session) -> list[Reading]:
    """Return the newest revision of every reading, by issue, month, horizon and outcome."""
    keys = [getattr(Reading, name) for name in KEY]
    return list(session.scalars(select(Reading).distinct(*keys).order_by(*keys, Reading.revision.desc())))


def table(settings: Settings, *, months: bool = False) -> list[Row]:
    """Return the newest readings in the order to print them: the pooled ones, or also each month's.

    Each has the ledger's figures, `primary` (the outcome the playbook promised), `promised` (and at the promised horizon),
    and `said`: the same as text, one entry a column.
    """
    with sessions(settings)() as session:
        rows = [as_row(reading) for reading in latest(session)]
    chosen = sorted((row for row in rows if months or row["month"] == POOLED), key=_for_reading)
    return [row | {name: row["detail"][name] for name in ("primary", "promised")} | {"said": printable(settings, row)}
            for row in chosen]  # fmt: skip


def as_row(reading: Reading) -> Row:
    """Return a reading as a plain dictionary."""
    return {column.key: getattr(reading, column.key) for column in Reading.__table__.columns}


def _for_reading(row: Row) -> tuple:
    return (row["issue"], not row["detail"]["primary"], row["design"], ORDER.index(row["outcome"]), row["month"] != POOLED,
            row["month"], row["horizon_months"])  # fmt: skip


def _issue(session: Session, rows: list[Row], *, day: date, now: datetime) -> dict[str, int]:
    """Add new rows, update the waiting ones in place, and give changed ones a new revision."""
    known = {tuple(getattr(reading, name) for name in KEY): as_row(reading) for reading in latest(session)}
    new, changed, revisions = [], [], 0
    for row in rows:
        row |= {"data_until": day, "issued_at": now}
        before = known.get(tuple(row[name] for name in KEY))
        if before is None:
            new.append(row | {"revision": 0})
        elif before["data_until"] > day or _same(before, row):
            continue
        elif before["state"] == "not_yet":
            changed.append(row | {"id": before["id"]})
        else:
            new.append(row | {"revision": before["revision"] + 1})
            revisions += 1
    for start in range(0, len(new), 500):
        some = insert(Reading).values(new[start : start + 500])
        session.execute(some.on_conflict_do_nothing(index_elements=[*KEY, "revision"]))
    if changed:
        session.execute(update(Reading), changed)
    states = {state: sum(row["state"] == state for row in rows) for state in ("readable", "not_yet", "unreadable")}
    return {**states, "issued": len(new) - revisions, "updated": len(changed), "revised": revisions}


def _same(before: Row, after: Row) -> bool:
    """Whether two rows say the same; figures may differ by rounding, never by more than one part in a billion."""
    stated = all(before[name] == after[name] for name in ("state", "why", "n_contact", "n_hold_out"))
    return stated and all(_close(before[name], after[name]) for name in FIGURES)


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
