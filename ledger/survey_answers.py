"""Survey answers: what customers say of how we handled their trouble; one for each message, the last word counts."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from ledger.base import Base

SCORES = (1, 2, 3, 4, 5)  # from "not at all" to "very much"


class SurveyAnswer(Base):
    """One customer's answer to one survey."""

    __tablename__ = "survey_answers"

    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    score: Mapped[int]
    text: Mapped[str]
    answered_at: Mapped[datetime]


def answer_survey(session: Session, *, message_id: int, customer_id: str, score: int, text: str, now: datetime) -> None:
    """Keep an answer; a second one takes the first one's place."""
    row = {"score": score, "text": text, "answered_at": now}
    new = insert(SurveyAnswer).values(message_id=message_id, customer_id=customer_id, **row)
    session.execute(new.on_conflict_do_update(index_elements=["message_id"], set_=row))
