"""Brakes: what has stopped sending, for one issue or for all, until a person lifts it.

open -> lifted. At most one is open for an issue and kind, so pulling it again changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Index, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Brake(Base):
    """One stop and who lifted it. `issue` None stops everything; while one is open the gate refuses."""

    __tablename__ = "brakes"
    __table_args__ = (
        Index("uq_brakes_open", "issue", "kind", unique=True, postgresql_nulls_not_distinct=True,
              postgresql_where="lifted_at IS NULL"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    issue: Mapped[str | None]
    kind: Mapped[str]                       # size | bounces | complaints | harm | model | mismatch
    reason: Mapped[str]                     # a sentence with the numbers that pulled it
    at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]


def pull_brake(session: Session, *, issue: str | None, kind: str, reason: str, now: datetime) -> int:
    """Stop an issue's messages (None: all) and return the brake's id; one that is open already keeps its reason."""
    row = {"issue": issue, "kind": kind, "reason": reason, "at": now}
    new = insert(Brake).values(row).on_conflict_do_nothing(
        index_elements=["issue", "kind"], index_where=Brake.lifted_at.is_(None))  # fmt: skip
    made = session.scalar(new.returning(Brake.id))
    if made is not None:
        return made
    same = Brake.issue.is_not_distinct_from(issue) & (Brake.kind == kind) & Brake.lifted_at.is_(None)
    return session.scalars(select(Brake.id).where(same)).one()


def open_brakes(session: Session, issue: str | None = None) -> Sequence[Brake]:
    """Return what stops `issue` now, the brakes on everything among it; without an issue, every open brake."""
    here = [] if issue is None else [or_(Brake.issue == issue, Brake.issue.is_(None))]
    return session.scalars(select(Brake).where(Brake.lifted_at.is_(None), *here).order_by(Brake.at, Brake.id)).all()


def lift(session: Session, brake_id: int, *, by: str, now: datetime) -> bool:
    """Let go of a brake; False when it was not open."""
    open_one = (Brake.id == brake_id, Brake.lifted_at.is_(None))
    lifted = update(Brake).where(*open_one).values(lifted_at=now, lifted_by=by).returning(Brake.id)
    return session.scalar(lifted) is not None


def lifted_brakes(session: Session, *, since: datetime, limit: int = 20) -> Sequence[Brake]:
    """Return the brakes that were let go since, the newest first."""
    return session.scalars(select(Brake).where(Brake.lifted_at >= since).order_by(Brake.lifted_at.desc(), Brake.id).limit(limit)).all()
