"""What a CRM or help desk tells us of the cases we opened there: {"id", "message", "event", "occurred_at", "reason"}."""

import json
from datetime import datetime
from typing import Any

from outreach.event import KEY, Event, Kind, Problem, said

PROVIDER = "webhook"


def read(body: bytes, content_type: str = "application/json") -> list[Event | Problem]:
    """Return the events of a body, one or a list of them, and the problem of each that is none."""
    told = json.loads(body)
    return [_read_one(number, each) for number, each in enumerate(told if isinstance(told, list) else [told])]


def _read_one(number: int, each: Any) -> Event | Problem:
    try:
        return _event(each)
    except (KeyError, TypeError, ValueError) as error:
        return Problem(f"event {number}: {type(error).__name__}: {error}. Known: {', '.join(Kind)}.")


def _event(each: Any) -> Event:
    when = datetime.fromisoformat(each["occurred_at"])
    if when.tzinfo is None:
        raise ValueError(f"occurred_at: a time with its zone is needed, got {each['occurred_at']!r}")
    if not KEY.fullmatch(str(each["message"])):
        raise ValueError(f"message: not a message's id, got {each['message']!r}")
    return Event(PROVIDER, str(each["id"])[:200], Kind(each["event"]), each["message"], when, detail=said(reason=each.get("reason")))
