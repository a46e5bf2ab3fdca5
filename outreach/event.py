"""An event: what a provider says became of one message. Each source has one reader of its bodies."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from ledger.messages import State

KEY = re.compile(r"[0-9a-f]{32}")
MESSAGE_ID = re.compile(r"<([0-9a-f]{32})@[^\s<>]+>")
ADDRESS = re.compile(r"[^\s<>()\[\]:;,\"']+@[^\s<>()\[\]:;,\"']+")
REASON_AT_MOST = 300


class Kind(StrEnum):
    """What happened to a message, in words of our own; how providers say it is their readers' affair."""

    ACCEPTED = "accepted"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    DROPPED = "dropped"
    BOUNCED = "bounced"            # for good or not: see `hard`
    COMPLAINED = "complained"
    OPTED_OUT = "opted_out"        # from everything we send; moves no message


STATE_OF = {
    Kind.ACCEPTED: State.ACCEPTED, Kind.DELAYED: State.DELAYED, Kind.DELIVERED: State.DELIVERED,
    Kind.DROPPED: State.DROPPED, Kind.BOUNCED: State.BOUNCED, Kind.COMPLAINED: State.COMPLAINED,
    Kind.OPTED_OUT: State.ACCEPTED,
}  # fmt: skip


@dataclass(frozen=True)
class Event:
    """One event by the provider's id for it."""

    provider: str
    event_id: str
    kind: Kind
    message_key: str | None        # our message id, where the provider gave it back
    occurred_at: datetime
    address: str | None = None     # whom it was about; never written beside the event
    hard: bool = False             # the address does not exist
    detail: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class NotReadableError(ValueError):
    """A body, or a part of it, is not what its reader knows."""


@dataclass(frozen=True)
class Problem:
    """A part of a body that could not be read; its other parts count all the same."""

    what: str


def said(**detail: object) -> dict[str, str]:
    """Return what a provider said in short: empty parts left out, addresses taken out."""
    return {name: ADDRESS.sub("<address>", str(value))[:REASON_AT_MOST] for name, value in detail.items() if value}


def instant(seconds: object) -> datetime:
    """Return the instant of a Unix time. Raise NotReadableError for what is none."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float, str)):
        raise NotReadableError(f"timestamp: not Unix seconds, got {seconds!r}.")
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise NotReadableError(f"timestamp: not Unix seconds, got {seconds!r}.") from error


def key_of(named: object, message_id: object = None) -> str | None:
    """Return our message id from what a provider gave back: the custom value itself, or else the RFC 5322 Message-ID."""
    if isinstance(named, str) and KEY.fullmatch(named):
        return named
    found = MESSAGE_ID.search(message_id) if isinstance(message_id, str) else None
    return found.group(1) if found else None


def keys_in(headers: Iterable[str | None]) -> list[str]:
    """Return our message ids from In-Reply-To and References, the nearest first."""
    return [key for header in headers if header for key in reversed(MESSAGE_ID.findall(header))]
