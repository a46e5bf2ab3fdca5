"""Assignments: contact or hold out, drawn once per contact unit and scope, written before anything is sent, frozen.

Where nobody may be held out, the arm can be contact (now) or later: within the hours that are promised.
"""

from datetime import date, datetime

from sqlalchemy import UniqueConstraint, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Assignment(Base):
    """One unit's arm in one scope (an issue's playbook, or `programme` for the global holdout).

    `epoch` counts the frozen periods: a unit is drawn again only after `frozen_until`.
    """

    __tablename__ = "assignments"
    __table_args__ = (UniqueConstraint("scope", "unit_id", "epoch"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    scope: Mapped[str]
    unit_id: Mapped[str]
    epoch: Mapped[int] = mapped_column(default=0)
    arm: Mapped[str]                        # contact | hold_out | later
    share: Mapped[float]                    # of hold_out, or of later, when drawn
    design: Mapped[str] = mapped_column(default="hold_out", server_default="hold_out")  # hold_out | delay | discontinuity
    later_at: Mapped[datetime | None]       # delay: when a unit is told that is told later, computed for both arms alike
    customer_id: Mapped[str] = mapped_column(index=True)  # whose flag brought the draw about; found again when units merge
    flag_id: Mapped[int | None]
    playbook_version: Mapped[str]
    mode: Mapped[str]                       # shadow | pilot | live when drawn
    assigned_at: Mapped[datetime]
    assigned_on: Mapped[date]               # the day whose cohort it was
    frozen_until: Mapped[date]


def drawn_scopes(session: Session) -> set[str]:
    """Return every scope in which anybody was ever drawn; the index is walked from scope to scope, not row by row."""
    return set(session.scalars(SCOPES))


SCOPES = text("""
    WITH RECURSIVE found AS (
        (SELECT scope FROM assignments ORDER BY scope LIMIT 1)
        UNION ALL
        SELECT (SELECT scope FROM assignments WHERE scope > found.scope ORDER BY scope LIMIT 1) FROM found WHERE scope IS NOT NULL
    )
    SELECT scope FROM found WHERE scope IS NOT NULL
""")
