"""config/playbooks/<issue>.toml: what we do about an issue; a playbook that loads is a playbook that can run."""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from core.errors import ConfigError, unknown_name
from core.settings import Company, Settings
from core.strict import Strict, load_toml
from outreach import words
from outreach.frame import FRAMES, base_language

SUBJECT_AT_MOST = 78
WEBSITE = re.compile(r"\{\{-?\s*website\s*-?\}\}")
ASKS_TO = re.compile(r"log-?in|sign-?in|password|pay\b|payment|checkout|card", re.IGNORECASE)


class Words(Strict):
    """What a message says in one language; how to check, ask and stop is added to every message."""

    subject: str
    preview: str
    what_happened: str
    what_we_did: str
    what_you_do: str


class Remedy(Strict):
    """What is really done for the customer, and who stands for it."""

    says: str = Field(min_length=10)
    approved_by: str = Field(min_length=2)
    approved_on: date


MeasuredBy = Literal["retained", "days_there", "revenue", "purchases", "contacts", "complaints", "unsubscribes", "referrals"]


class Stop(Strict):
    """What is looked at every day: shown to be worse among those contacted, the playbook stops by itself."""

    outcome: MeasuredBy = "retained"
    horizon_months: Literal[1, 6, 18] = 1
    planned_units: int = Field(default=5_000, ge=100)  # of both arms, at which the daily interval is narrowest


class Measure(Strict):
    """What the playbook is judged by: one outcome, promised beforehand; frozen at its first assignment."""

    outcome: MeasuredBy = "retained"
    horizon_months: Literal[1, 6, 18] = 6
    smallest_effect: float = Field(gt=0)          # in the outcome's own unit: a share, days, cents, or a count
    cap: float | None = Field(default=None, gt=0)  # a unit's value is cut here, so that one giant decides nothing
    stop: Stop = Stop()

    @property
    def version(self) -> str:
        """The hash of what was promised."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()[:12]


class Pilot(Strict):
    """How far a pilot reaches; the rest stays in the shadow."""

    share: float = Field(default=0.1, gt=0, le=1)  # of contact units
    daily_cap: int = Field(default=50, ge=1)


class ResolvedWhen(Strict):
    """The event that tells us the customer's trouble is over."""

    event: str = Field(pattern=r"^\w+\.\w+$")
    within_days: int = Field(gt=0, le=365)


class Playbook(Strict):
    """What we do about one issue. `issue` is the file's name, `version` the file's hash."""

    issue: str
    version: str
    mode: Literal["shadow", "pilot", "live"] = "shadow"
    channel: str | None = None                    # the settings' channel when not stated
    topic: str | None = None                      # what a customer can opt out of; the issue when not stated
    holdout: float = Field(default=0.5, ge=0, le=0.5)
    never_hold_out: bool = False
    quiet_days: int = Field(default=14, ge=1, le=365)
    words_not_in_subject: tuple[str, ...] = ()
    remedy: Remedy | None = None
    measure: Measure
    pilot: Pilot = Pilot()
    resolved_when: ResolvedWhen | None = None
    message: dict[str, Words] = Field(min_length=1)

    @property
    def share(self) -> float:
        """The share of units that is held out."""
        return 0.0 if self.never_hold_out else self.holdout

    @property
    def subject_of_wish(self) -> str:
        """The topic a customer opts out of."""
        return self.topic or self.issue


def load_playbooks(settings: Settings) -> dict[str, Playbook]:
    """Map each issue to its playbook. Raise ConfigError that names file, key and fix."""
    return {path.stem: load_playbook(path, settings.company)
            for path in sorted((settings.folder / "playbooks").glob("*.toml"))}  # fmt: skip


def load_playbook(path: Path, company: Company) -> Playbook:
    """Read one playbook and check every word of it, as it will be seen by a customer of `company`."""
    version = hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.exists() else ""
    playbook = load_toml(path, Playbook, issue=path.stem, version=version)
    if playbook.mode != "shadow" and playbook.remedy is None:
        raise ConfigError(f"{path}: mode: a playbook without an approved [remedy] stays in shadow, got {playbook.mode!r}. "
                          "Add [remedy] with says, approved_by and approved_on.")
    _check_holdout(path, playbook)
    _check_languages(path, playbook, company)
    for where, text in _every_text(path, playbook):
        words.check(where, text)
        _check_links(where, text, company)
    for language, said in playbook.message.items():
        for part in ("subject", "preview"):
            seen = words.longest(getattr(said, part), company.name)
            _check_seen_by_others(f"{path}: message.{language}.{part}", seen, playbook)
    return playbook


def _check_holdout(path: Path, playbook: Playbook) -> None:
    stated = "holdout" in playbook.model_fields_set
    if playbook.never_hold_out and stated and playbook.holdout > 0:
        raise ConfigError(f"{path}: holdout: contradicts never_hold_out = true, got {playbook.holdout}. Remove one of them.")
    if not playbook.never_hold_out and playbook.holdout == 0:
        raise ConfigError(f"{path}: holdout: without anyone held out nothing can be measured, got 0. "
                          "Say never_hold_out = true if nobody may be held out (safety, money wrongly taken).")


def _check_languages(path: Path, playbook: Playbook, company: Company) -> None:
    for language in playbook.message:
        if language not in FRAMES:
            raise ConfigError(unknown_name(f"{path}: message", "language", language, FRAMES))
    fallback = base_language(company.language)
    if fallback not in playbook.message:
        raise ConfigError(f"{path}: message.{fallback}: the company's language is missing, got "
                          f"{', '.join(sorted(playbook.message))}. Customers of other languages are written to in it.")


def _every_text(path: Path, playbook: Playbook) -> Iterator[tuple[str, str]]:
    for language, said in playbook.message.items():
        for part, text in said.model_dump().items():
            yield f"{path}: message.{language}.{part}", text


def _check_links(where: str, text: str, company: Company) -> None:
    """Only our own domain is linked, and never a place where one pays or signs in: that is what a fraud looks like."""
    own = urlsplit(company.website).hostname or ""
    for link in words.LINK.findall(WEBSITE.sub(own, text)):
        host = urlsplit(link if "://" in link else f"https://{link}").hostname or ""
        if host != own and not host.endswith(f".{own}"):
            raise ConfigError(f"{where}: a link may only lead to {own}, got {link!r}. Describe the way in words.")
        if ASKS_TO.search(link):
            raise ConfigError(f"{where}: a message never links to a place to pay or sign in, got {link!r}. "
                              "Describe the way in words.")


def _check_seen_by_others(where: str, seen: str, playbook: Playbook) -> None:
    """Subject and preview are read on locked screens and over shoulders: no trouble, no amount, one short line."""
    if "\n" in seen or len(seen) > SUBJECT_AT_MOST:
        raise ConfigError(f"{where}: one line of at most {SUBJECT_AT_MOST} characters, got {len(seen)}: {seen!r}. Shorten it.")
    if found := words.AMOUNT.search(seen):
        raise ConfigError(f"{where}: names no amount, got {found.group().strip()!r}. Say it inside the message.")
    for word in {*playbook.words_not_in_subject, *(part for part in playbook.issue.split("_") if len(part) > 3)}:
        if re.search(rf"\b{re.escape(word)}", seen, re.IGNORECASE):
            raise ConfigError(f"{where}: names no trouble, got {word!r} in {seen!r}. Say it inside the message.")
