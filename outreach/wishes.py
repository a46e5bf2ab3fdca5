"""Wishes: what a customer says on their own pages about a message they got, written where the gate and people look.

Each is safe to say twice. What one says is about the message whose link one holds, never about anybody else.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.calls import ask_for_call
from ledger.contacts import add_contacts
from ledger.customers import Customer
from ledger.flags import Flag
from ledger.messages import Message
from ledger.needs import note_need
from ledger.outcomes import add_outcomes
from ledger.preferences import CHANNELS, not_wanted, prefer
from ledger.suppressions import Suppression, suppress
from ledger.survey_answers import answer_survey
from ledger.surveys import record_answer, survey_of
from outreach.gestures import give, this_was_wrong
from outreach.playbook import load_playbooks
from outreach.said import what_happened

ANSWERS = ("do_it", "call_me", "wrong", "solved", "not_mine")
CLOSES = {"solved": "over", "not_mine": "rejected"}  # a customer's word about their own trouble is believed
TEXT_AT_MOST = 2000


def message_of(session: Session, key: str) -> Message | None:
    """Return the message with this key."""
    return session.scalar(select(Message).where(Message.key == key))


def stop(session: Session, message: Message, *, topic: str, now: datetime) -> None:
    """Opt the customer and the address out of `topic` ("all" for everything); from the next send on it holds."""
    suppress(session, [{"subject": each, "topic": topic, "reason": "opt_out", "since": now} for each in _names(session, message)])
    _outcome(session, message, "unsubscribed", topic, now)


def answer(session: Session, message: Message, kind: str, *, settings: Settings, now: datetime) -> bool:
    """Take a one-click answer as a contact on its flag, once, and see to what it asks for; return whether it is new."""
    source = sha256(f"answer {message.key} {kind}".encode()).hexdigest()
    new = add_contacts(session, [{
        "source_id": source, "kind": kind, "customer_id": message.customer_id, "message_id": message.id, "flag_id": message.flag_id,
        "text": "", "received_at": now,
    }])  # fmt: skip
    _outcome(session, message, "answered", kind, now)
    if kind in CLOSES:
        open_flag = (Flag.id == message.flag_id, Flag.state == "open")
        session.execute(update(Flag).where(*open_flag).values(state=CLOSES[kind], closed_on=now.date()))
    elif kind == "call_me":
        _have_called(session, message, settings, now)
    return bool(new)


def made_good(session: Session, message: Message, *, settings: Settings, now: datetime) -> bool:
    """Believe a customer that something was wrong, and give what the playbook gives; return whether it is granted already.

    Where the playbook has no [gesture], or its budget is used up, a person decides: their contact is in the inbox.
    """
    playbook = load_playbooks(settings).get(message.issue)
    if playbook is None or playbook.gesture is None:
        return False
    claim = this_was_wrong(message.customer_id, "said so on their own page", flag_id=message.flag_id)
    return give(session, playbook, claim, settings=settings, now=now).state == "granted"


def _have_called(session: Session, message: Message, settings: Settings, now: datetime) -> None:
    """Have a person call about this message, and from now on rather than have a machine write."""
    note_need(session, message.customer_id, "asked", source="answer", now=now)
    told = what_happened(message, session.get(Customer, message.customer_id), settings)
    said = "\n\n".join([f"They asked to be called about our {message.kind} of {message.day}.", *told])
    ask_for_call(session, message.key, says=said, now=now)


def fill_in_survey(session: Session, message: Message, *, score: int, text: str, now: datetime) -> None:
    """Take the answers to a survey; where a random sample was asked, they count in its unit's arm."""
    answer_survey(session, message_id=message.id, customer_id=message.customer_id, score=score,
                  text=text.replace("\0", "").strip()[:TEXT_AT_MOST], now=now)  # fmt: skip
    if asked := survey_of(session, message.flag_id):
        record_answer(session, asked.assignment_id, kind=asked.kind, horizon_months=asked.horizon_months, score=score, now=now)
    _outcome(session, message, "surveyed", str(score), now)


def wanted(session: Session, message: Message, topics: list[str]) -> dict[tuple[str, str], bool]:
    """Return, for each topic and channel, whether the customer wants to hear of it so."""
    refused = not_wanted(session, [message.customer_id])
    stopped = set(session.scalars(select(Suppression.topic).where(Suppression.subject.in_(_names(session, message)))))
    return {(topic, channel): not {"all", topic} & stopped and (message.customer_id, topic, channel) not in refused
            for topic in topics for channel in CHANNELS}  # fmt: skip


def set_preferences(session: Session, message: Message, wishes: Mapping[tuple[str, str], bool], *, now: datetime) -> None:
    """Write down what the customer wants. A topic wanted again ends an opt-out of their own, never a bounce or a complaint."""
    again = {topic for (topic, _), wants in wishes.items() if wants}
    own = (Suppression.subject.in_(_names(session, message)), Suppression.reason == "opt_out")
    if again:
        session.execute(delete(Suppression).where(*own, Suppression.topic.in_({*again, "all"})))
    prefer(session, message.customer_id, wishes, now=now)


def _names(session: Session, message: Message) -> list[str]:
    address = session.scalar(select(Customer.address).where(Customer.customer_id == message.customer_id))
    return [message.customer_id, *([address] if address else [])]


def _outcome(session: Session, message: Message, kind: str, detail: str, now: datetime) -> None:
    add_outcomes(session, [{"message_id": message.id, "kind": kind, "occurred_at": now, "recorded_at": now, "detail": detail}])
