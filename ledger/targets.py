"""Targets: by which ranking an issue's daily budget is spent, and whom it chose, each with the chance they had.

A policy is a verdict on later weeks (loyalty.targeting); a target is one flag's place in one day's choice. The gate refuses
a flag that its day's choice left out, in both arms alike; a flag without a target is not concerned.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base, add_once


class Policy(Base):
    """By what an issue's customers are ranked from a day on: `risk`, or `benefit` where that was better beyond noise."""

    __tablename__ = "policies"

    issue: Mapped[str] = mapped_column(primary_key=True)
    from_day: Mapped[date] = mapped_column(primary_key=True)
    ranks_by: Mapped[str]                   # risk | benefit
    why: Mapped[str]                        # the verdict in words
    detail: Mapped[dict[str, Any]]          # policy values, interval, Qini with its curve, units judged
    at: Mapped[datetime]


class Target(Base):
    """One flag's place in its day's choice."""

    __tablename__ = "targets"

    flag_id: Mapped[int] = mapped_column(ForeignKey("flags.id"), primary_key=True)
    issue: Mapped[str]
    day: Mapped[date]
    ranks_by: Mapped[str]
    expected_net: Mapped[float]             # company currency, by the estimate in use
    chosen: Mapped[bool]
    explored: Mapped[bool]                  # left to chance, so that the ranking can be judged for ever
    chance: Mapped[float]                   # of being chosen, before the lot was drawn


def policy_in_force(session: Session, issue: str, day: date) -> Policy | None:
    """Return the policy of an issue on a day, or None: ranked by risk, as nothing was judged yet."""
    chosen = select(Policy).where(Policy.issue == issue, Policy.from_day <= day).order_by(Policy.from_day.desc()).limit(1)
    return session.scalar(chosen)


def keep_policy(session: Session, row: dict[str, Any]) -> int:
    """Write a policy, once per issue and day."""
    return add_once(session, Policy, [row], key=["issue", "from_day"])


def keep_targets(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Write targets, once per flag; return how many are new."""
    return add_once(session, Target, rows, key=["flag_id"])


def left_out(session: Session, flag_ids: Iterable[int]) -> set[int]:
    """Return which of these flags their day's choice left out."""
    return set(session.scalars(LEFT_OUT, {"flags": list(flag_ids)}))


LEFT_OUT = text("SELECT flag_id FROM targets WHERE flag_id = ANY(CAST(:flags AS int[])) AND NOT chosen")
