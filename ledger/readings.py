"""Readings: one issue's month of assignments (or all pooled) at 1, 6 or 18 months, both arms, never missing.

A reading that is not yet readable, or cannot be, is a row with the reason.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base

DESIGNS = ("hold_out", "delay", "discontinuity", "survey")


class Reading(Base):
    """Both arms' numbers for one outcome at one horizon; issued once, later changes are numbered revisions."""

    __tablename__ = "readings"
    __table_args__ = (UniqueConstraint("issue", "month", "horizon_months", "outcome", "design", "revision"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    issue: Mapped[str]
    month: Mapped[str]                      # "2025-03", or "pooled"
    horizon_months: Mapped[int]             # 0: the hours of a randomised delay
    outcome: Mapped[str]                    # retained | revenue | purchases | contacts | ... | csat | ces | nps
    design: Mapped[str] = mapped_column(default="hold_out", server_default="hold_out")  # | delay | discontinuity | survey
    revision: Mapped[int] = mapped_column(default=0)
    state: Mapped[str]                      # readable | not_yet | unreadable
    why: Mapped[str | None]                 # the reason when it is not readable, and from which day it will be
    n_contact: Mapped[int]
    n_hold_out: Mapped[int]                 # delay: those told later; discontinuity: those scored just below; survey: asked
    mean_contact: Mapped[float | None]
    mean_hold_out: Mapped[float | None]
    effect: Mapped[float | None]            # difference of means, contact minus hold out, stratified by share
    low: Mapped[float | None]               # 95 % interval
    high: Mapped[float | None]
    p_value: Mapped[float | None]
    power: Mapped[float | None]             # to see the playbook's smallest effect that matters
    smallest_seen: Mapped[float | None]     # effect it could have seen with power 0.8
    detail: Mapped[dict[str, Any]]          # raw values beside capped ones, sample ratio, data cut, measure hash
    data_until: Mapped[date]
    issued_at: Mapped[datetime]


def issues_read(session: Session) -> list[str]:
    """Return the issues that have a reading, readable or not."""
    return list(session.scalars(ISSUES))


def months_read(session: Session, issue: str) -> list[str]:
    """Return the months of assignment of an issue's readings, `pooled` among them, in their order."""
    return list(session.scalars(MONTHS, {"issue": issue}))


def newest_revisions(
    session: Session, *, issues: Sequence[str], months: Sequence[str], horizons: Sequence[int], outcomes: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the newest revision of each of these readings that there is, of every design; older revisions are not touched."""
    values = {"issues": list(issues), "months": list(months), "horizons": list(horizons), "outcomes": list(outcomes),
              "designs": list(DESIGNS)}  # fmt: skip
    return [dict(row) for row in session.execute(NEWEST, values).mappings()]


def revisions(session: Session, of: Mapping[str, Any], *, limit: int = 20) -> list[Reading]:
    """Return the revisions of one reading (its issue, month, horizon_months, outcome and design), newest first."""
    this = {name: of[name] for name in ("issue", "month", "horizon_months", "outcome", "design")}
    return list(session.scalars(select(Reading).filter_by(**this).order_by(Reading.revision.desc()).limit(limit)))


# Each walks along the unique index from one value to the next, however many revisions lie between.
ISSUES = text("""
    WITH RECURSIVE each(issue) AS (
        (SELECT issue FROM readings ORDER BY issue LIMIT 1)
        UNION ALL
        SELECT (SELECT r.issue FROM readings r WHERE r.issue > each.issue ORDER BY r.issue LIMIT 1) FROM each WHERE each.issue IS NOT NULL
    )
    SELECT issue FROM each WHERE issue IS NOT NULL
""")
MONTHS = text("""
    WITH RECURSIVE each(month) AS (
        (SELECT month FROM readings WHERE issue = :issue ORDER BY month LIMIT 1)
        UNION ALL
        SELECT (SELECT r.month FROM readings r WHERE r.issue = :issue AND r.month > each.month ORDER BY r.month LIMIT 1)
        FROM each WHERE each.month IS NOT NULL
    )
    SELECT month FROM each WHERE month IS NOT NULL
""")
NEWEST = text("""
    SELECT r.* FROM unnest(CAST(:issues AS text[])) AS i(issue), unnest(CAST(:months AS text[])) AS m(month),
         unnest(CAST(:horizons AS int[])) AS h(months), unnest(CAST(:outcomes AS text[])) AS o(outcome),
         unnest(CAST(:designs AS text[])) AS d(design)
    CROSS JOIN LATERAL (
        SELECT * FROM readings x
        WHERE x.issue = i.issue AND x.month = m.month AND x.horizon_months = h.months AND x.outcome = o.outcome
          AND x.design = d.design
        ORDER BY x.revision DESC LIMIT 1
    ) AS r
""")
