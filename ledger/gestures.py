"""Gestures: small amends and surprises, within a person's authority and a month's budget.

waiting -> granted | declined; what lies within authority is granted at once.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Gesture(Base):
    """One gesture to one customer, at most once by its key."""

    __tablename__ = "gestures"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    flag_id: Mapped[int | None] = mapped_column(ForeignKey("flags.id"))
    issue: Mapped[str]
    customer_id: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]                       # mistake | goodwill | surprise
    because: Mapped[str]                    # what the customer or the colleague said
    cents: Mapped[int]
    month: Mapped[date]                     # the first of the month whose budget it is paid from
    state: Mapped[str]                      # waiting | granted | declined
    why_waiting: Mapped[str | None]         # over_authority | four_eyes | over_budget
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]              # of a mistake: when we were told
    first_by: Mapped[str | None]            # who approved; the second pair of eyes is another person's
    second_by: Mapped[str | None]
    settled_at: Mapped[datetime | None]
    action_key: Mapped[str | None]          # the action that carries it out; its receipt says when it was put right


def undecided(session: Session) -> Sequence[Gesture]:
    """Return the gestures that wait for somebody's word, the longest waiting first."""
    return session.scalars(select(Gesture).where(Gesture.state == "waiting").order_by(Gesture.asked_at, Gesture.id)).all()


def flags_undecided(session: Session, flag_ids: Collection[int]) -> set[int]:
    """Return those of some flags about which a gesture waits."""
    if not flag_ids:
        return set()
    return set(session.scalars(select(Gesture.flag_id).where(Gesture.state == "waiting", Gesture.flag_id.in_(flag_ids))))
