"""Labels: what a person said of a flag that the data does not say, with who said it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ARRAY, ForeignKey, Integer, any_, delete, literal, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.errors import LedgerError, unknown_name
from ledger.base import Base, add_once
from ledger.flags import Flag

LABELS = ("not_trouble", "already_known")  # nothing will come of it; the customer and we know of it already


class Label(Base):
    """One person's word on one flag; the first one stays."""

    __tablename__ = "labels"

    flag_id: Mapped[int] = mapped_column(ForeignKey("flags.id"), primary_key=True)
    label: Mapped[str]
    source: Mapped[str]                     # reviewer | customer
    said_by: Mapped[str]
    said_at: Mapped[datetime]


def say(
    session: Session, flag_ids: Sequence[int], *, label: str, said_by: str, now: datetime, source: str = "reviewer"
) -> int:
    """Record a person's word on flags, once each; return how many are new. Raise LedgerError for an unknown word or flag."""
    if label not in LABELS:
        raise LedgerError(unknown_name("label", "label", label, LABELS))
    found = set(session.scalars(select(Flag.id).where(Flag.id == any_(literal(list(flag_ids), ARRAY(Integer))))))
    if strange := sorted(set(flag_ids) - found):
        raise LedgerError(f"label {label!r}: flags {strange} do not exist. `beforehand review ISSUE DAY` lists flags.")
    rows = [{"flag_id": n, "label": label, "source": source, "said_by": said_by, "said_at": now} for n in sorted(found)]
    return add_once(session, Label, rows, key=["flag_id"])


def unsay(session: Session, flag_ids: Sequence[int]) -> None:
    """Take a reviewer's word on flags back; what a customer said stays."""
    session.execute(delete(Label).where(Label.flag_id == any_(literal(list(flag_ids), ARRAY(Integer))), Label.source == "reviewer"))


def labels_of(session: Session, flag_ids: Sequence[int]) -> dict[int, str]:
    """Map those of some flags of which somebody said a word to it."""
    about = select(Label.flag_id, Label.label).where(Label.flag_id == any_(literal(list(flag_ids), ARRAY(Integer))))
    return {flag: label for flag, label in session.execute(about)}
