"""Suppressions: whom we never write to again, and since when; keyed by customer or by normalised address."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base


class Suppression(Base):
    """An opt-out, a hard bounce, a complaint, or an erased customer's keyed hash."""

    __tablename__ = "suppressions"

    subject: Mapped[str] = mapped_column(primary_key=True)   # customer id, normalised address, or keyed hash
    topic: Mapped[str] = mapped_column(primary_key=True, default="all")  # "all" or an issue
    reason: Mapped[str]                                      # opt_out | hard_bounce | complaint | erased
    since: Mapped[datetime]


STRENGTH = {"hard_bounce": 0, "opt_out": 1, "complaint": 2, "erased": 3}


def suppress(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write suppressions (subject, topic, reason, since); told twice or in any order, the strongest reason and the first day stay."""
    strongest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        slot = (row["subject"], row.get("topic", "all"))
        old = strongest.get(slot, row)
        reason = max(old["reason"], row["reason"], key=STRENGTH.__getitem__)
        strongest[slot] = {"subject": slot[0], "topic": slot[1], "reason": reason, "since": min(old["since"], row["since"])}
    if not strongest:
        return
    new = insert(Suppression).values([strongest[slot] for slot in sorted(strongest)])
    stronger = case(STRENGTH, value=new.excluded.reason) > case(STRENGTH, value=Suppression.reason)
    session.execute(new.on_conflict_do_update(index_elements=["subject", "topic"], set_={
        "reason": case((stronger, new.excluded.reason), else_=Suppression.reason),
        "since": func.least(Suppression.since, new.excluded.since),
    }))  # fmt: skip
