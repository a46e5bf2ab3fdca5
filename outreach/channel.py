"""The seam to whoever delivers: letters in, one receipt a letter out. A new channel is one file under channels/."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

import outreach.channels
from core.errors import ConfigError, unknown_name
from core.registry import discover
from core.settings import Settings
from outreach.letter import Letter


class Status(StrEnum):
    """What the provider said, or did not say, about one letter."""

    ACCEPTED = "accepted"    # it is theirs now
    REFUSED = "refused"      # it will never go out like this
    UNCERTAIN = "uncertain"  # no answer: it may have gone out
    DEFERRED = "deferred"    # certainly not sent; may be tried again from `retry_at`


@dataclass(frozen=True)
class Receipt:
    """The answer for one letter, by its key."""

    key: str
    status: Status
    provider_id: str | None = None
    reason: str | None = None
    retry_at: datetime | None = None
    broken: bool = False     # the fault is ours, in configuration: nothing will go out until it is mended


class Channel(Protocol):
    """Delivers letters."""

    name: str
    keeps_keys: bool  # sending the same key twice is one message, and `holds` says for certain what has arrived

    def check(self, settings: Settings) -> None:
        """Raise MissingError or ConfigError, with the way out, when the channel lacks what it needs to deliver."""
        ...

    def send(self, letters: Sequence[Letter], *, settings: Settings, now: datetime) -> list[Receipt]:
        """Deliver, and return one receipt for each letter. What went wrong is in the receipt, never raised."""
        ...

    def holds(self, keys: Collection[tuple[str, str]], *, settings: Settings) -> set[str]:
        """Of (key, day) pairs, return the keys that have arrived; only asked of a channel that keeps keys."""
        ...


@lru_cache(maxsize=1)
def channels() -> dict[str, Channel]:
    """Map each channel's name to it."""
    return discover(outreach.channels, "CHANNEL")


def channel(name: str, *, where: str = "outreach.channel") -> Channel:
    """Return the channel of that name. Raise ConfigError with the nearest one otherwise."""
    if name not in channels():
        raise ConfigError(unknown_name(where, "channel", name, channels()))
    return channels()[name]
