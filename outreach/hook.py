"""The seam to whoever carries an action out: orders in, one answer an order out. A new hook is one file under hooks/."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol

import outreach.hooks
from core.errors import ConfigError, unknown_name
from core.registry import discover
from core.settings import Settings


class Fate(StrEnum):
    """What the other side said, or did not say, about one order."""

    DONE = "done"
    REFUSED = "refused"      # it will never be done like this
    UNCERTAIN = "uncertain"  # no answer: it may have been done
    DEFERRED = "deferred"    # certainly not done; may be tried again


@dataclass(frozen=True)
class Order:
    """One action to be carried out. `key` is ours; the other side does one key at most once."""

    key: str
    what: str
    customer_id: str
    issue: str
    day: date
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """The answer to one order."""

    fate: Fate
    receipt: str | None = None
    reason: str | None = None


class Hook(Protocol):
    """Carries actions out."""

    name: str
    past_too: bool  # may be used while a past day is played: nothing outside this installation is touched

    def check(self, parameters: Mapping[str, Any], *, where: str) -> None:
        """Raise ConfigError where the parameters will not do."""
        ...

    def carry_out(self, order: Order, *, settings: Settings, now: datetime) -> Answer:
        """Carry one order out. What went wrong is in the answer, never raised."""
        ...


@lru_cache(maxsize=1)
def hooks() -> dict[str, Hook]:
    """Map each hook's name to it."""
    return discover(outreach.hooks, "HOOK")


def hook(name: str, *, where: str) -> Hook:
    """Return the hook of that name. Raise ConfigError with the nearest one otherwise."""
    if name not in hooks():
        raise ConfigError(unknown_name(where, "hook", name, hooks()))
    return hooks()[name]


def needs(parameters: Mapping[str, Any], names: tuple[str, ...], *, where: str) -> None:
    """Raise ConfigError that names the first of `names` that is not a text among the parameters."""
    for name in names:
        if not isinstance(parameters.get(name), str):
            raise ConfigError(f"{where}.{name}: a text is needed, got {parameters.get(name)!r}. Known: {', '.join(names)}, "
                              "and whatever the other side should be told.")
