"""Compose: a playbook's words in the customer's language, framed, as a letter. No link to pay or sign in, ever."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from core.settings import Settings
from outreach.frame import base_language
from outreach.keyed_hash import check_code
from outreach.letter import Letter, Skeleton
from outreach.links import Links
from outreach.playbook import Playbook
from outreach.skeleton import write_skeleton

NAME_AT_MOST = 40
A_NAME = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
NO_NAME = re.compile(r"[%\[\]<>@/:]|www\.")


@dataclass(frozen=True)
class Recipient:
    """Whom a message is for."""

    key: str
    address: str
    name: str | None
    language: str | None
    day: date


@dataclass
class Composer:
    """Composes letters; each skeleton is rendered once."""

    settings: Settings
    _skeletons: dict[tuple[str, str, bool], Skeleton] = field(default_factory=dict)
    _forms: dict[tuple[str, str, str | None, bool], tuple[Skeleton, str]] = field(default_factory=dict)

    @cached_property
    def links(self) -> Links:
        """What signs the links."""
        return Links(self.settings)

    def letter(self, playbook: Playbook, to: Recipient, *, now: datetime) -> Letter:
        """Return the letter for one recipient, in their language or else the company's."""
        name = _clean(to.name)
        called = _called(name)
        skeleton, asks = self._form(playbook, to.language, named=called is not None)
        stop = self.links.url("stop", to.key, now)
        values = {"check_code": check_code(self.settings, to.key), "stop_url": stop, "why_url": self.links.url("why", to.key, now),
                  f"{asks}_url": self.links.url(asks, to.key, now)}  # fmt: skip
        if called is not None:
            values["first_name"] = called
        aside = self.settings.outreach.redirect_all_to
        return Letter(to.key, aside or to.address, None if aside else name, to.day.isoformat(), skeleton, values, stop, now)

    def _form(self, playbook: Playbook, language: str | None, *, named: bool) -> tuple[Skeleton, str]:
        """Return the skeleton of a letter, and the purpose of the link by which it asks; found once for each way of writing."""
        slot = (playbook.issue, playbook.version, language, named)
        if slot not in self._forms:
            self._forms[slot] = self.skeleton(playbook, language, named=named), "survey" if playbook.kind == "survey" else "answer"
        return self._forms[slot]

    def skeleton(self, playbook: Playbook, language: str | None, *, named: bool) -> Skeleton:
        """Return what the letters of one playbook version, language and branch share."""
        chosen = language_of(playbook, language, self.settings)
        slot = (f"{playbook.issue} {playbook.version}", chosen, named)
        if slot not in self._skeletons:
            self._skeletons[slot] = write_skeleton(self.settings, playbook, chosen, named=named)
        return self._skeletons[slot]


def language_of(playbook: Playbook, language: str | None, settings: Settings) -> str:
    """Return the language a customer is written to in: their own where the playbook has it, else the company's."""
    spoken = base_language(language)
    return spoken if spoken in playbook.message else base_language(settings.company.language) or "en"


def first_name(name: str | None) -> str | None:
    """Return what to call a customer by, or None: a name that holds a link or a number is not greeted."""
    return _called(_clean(name))


def _called(clean: str | None) -> str | None:
    called = next((part for part in clean.split() if part[-1] != "."), None) if clean else None
    return called if called and len(called) <= NAME_AT_MOST and A_NAME.fullmatch(called) else None


def _clean(name: str | None) -> str | None:
    """Return a name as one line of printable text without tokens, or None."""
    line = unicodedata.normalize("NFC", name or "")
    if not line.isprintable():
        line = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in line)
    line = " ".join(line.split())
    return None if not line or len(line) > 2 * NAME_AT_MOST or NO_NAME.search(line) else line
