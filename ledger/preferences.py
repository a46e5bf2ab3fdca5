"""Preferences: by which channel, about which topic, a customer wants to hear from us; what is not written is wanted."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ARRAY, Text, any_, cast, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base

CHANNELS = ("email", "phone")


class Preference(Base):
    """What a customer said of one topic and one channel, the last time they said it."""

    __tablename__ = "preferences"

    customer_id: Mapped[str] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)   # email | phone
    wanted: Mapped[bool]
    changed_at: Mapped[datetime]


def prefer(session: Session, customer_id: str, wishes: Mapping[tuple[str, str], bool], *, now: datetime) -> None:
    """Write down what a customer wants, by topic and channel; the newest word counts."""
    rows = [{"customer_id": customer_id, "topic": topic, "channel": channel, "wanted": wanted, "changed_at": now}
            for (topic, channel), wanted in sorted(wishes.items())]  # fmt: skip
    if not rows:
        return
    new = insert(Preference).values(rows)
    session.execute(new.on_conflict_do_update(
        index_elements=["customer_id", "topic", "channel"], where=new.excluded.changed_at >= Preference.changed_at,
        set_={"wanted": new.excluded.wanted, "changed_at": new.excluded.changed_at}))  # fmt: skip


def not_wanted(session: Session, customers: Collection[str]) -> set[tuple[str, str, str]]:
    """Return (customer, topic, channel) of everything these customers do not want."""
    if not session.scalar(select(Preference.customer_id).where(~Preference.wanted).limit(1)):
        return set()
    said = select(Preference.customer_id, Preference.topic, Preference.channel).where(~Preference.wanted)
    theirs = Preference.customer_id == any_(cast(list(customers), ARRAY(Text)))
    return {(row[0], row[1], row[2]) for row in session.execute(said.where(theirs))}
