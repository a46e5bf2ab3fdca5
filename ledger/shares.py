"""Shares: how much of an issue is held out, from which day on; an arm already drawn keeps the share it was drawn with."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.errors import LedgerError
from ledger.base import Base


class Share(Base):
    """One change of an issue's holdout share. Rows are only added; of one day's rows the last one counts."""

    __tablename__ = "shares"

    id: Mapped[int] = mapped_column(primary_key=True)
    issue: Mapped[str] = mapped_column(index=True)
    share: Mapped[float]                    # of contact units, in [0, 1]
    from_day: Mapped[date]                  # cohorts of this day and later
    reason: Mapped[str]
    at: Mapped[datetime]


def share_in_force(session: Session, issue: str, day: date) -> float | None:
    """Return the share for new assignments of `issue` on `day`; None: what its playbook says."""
    until_then = (Share.issue == issue, Share.from_day <= day)
    newest = select(Share.share).where(*until_then).order_by(Share.from_day.desc(), Share.id.desc()).limit(1)
    return session.scalar(newest)


def set_share(session: Session, *, issue: str, share: float, from_day: date, reason: str, now: datetime) -> None:
    """Change the share from a day on. Raise LedgerError unless it is a share; the same as in force adds no row."""
    if not 0 <= share <= 1:
        raise LedgerError(f"share of {issue} from {from_day}: must lie in [0, 1], got {share}. 0.02 is 2 in a hundred.")
    if share_in_force(session, issue, from_day) != share:
        session.add(Share(issue=issue, share=share, from_day=from_day, reason=reason, at=now))
        session.flush()
