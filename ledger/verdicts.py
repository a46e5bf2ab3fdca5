"""Verdicts: what the gate said of a flag at its first would-be send, in both arms, with every reason of a refusal."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Verdict(Base):
    """The gate's word on one flag, before the arm is drawn."""

    __tablename__ = "verdicts"

    flag_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # a trigger sees once a statement that it is there
    passed: Mapped[bool]
    reasons: Mapped[list[Any]]              # names of the rules that refused, all of them
    moved: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")  # names of the rules that moved its time
    judged_at: Mapped[datetime]
