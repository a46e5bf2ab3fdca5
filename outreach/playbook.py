"""config/playbooks/<issue>.toml: what we do about an issue; a playbook that loads is a playbook that can run."""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr

from core.errors import ConfigError, unknown_name
from core.settings import Company, Settings
from core.strict import Strict, load_toml
from outreach import words
from outreach.frame import FRAMES, base_language
from outreach.hook import hook
from outreach.playbook_parts import Amends, Fix, Person
from outreach.survey_words import survey_words

LATER = ("update", "fixed", "survey")
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
    what_we_are_doing: str | None = None          # instead of what_we_did, until the action's receipt is there


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


class Asked(Strict):
    """A random sample of both arms is asked the same question at the same time, in words that say nothing of the trouble."""

    kind: Literal["csat", "ces", "nps"]
    share: float = Field(gt=0, le=1)              # of the units of either arm
    horizon_months: Literal[1, 6, 18] = 1


class Measure(Strict):
    """What the playbook is judged by: one outcome, promised beforehand; frozen at its first assignment."""

    outcome: MeasuredBy = "retained"
    horizon_months: Literal[1, 6, 18] = 6
    smallest_effect: float = Field(gt=0)          # in the outcome's own unit: a share, days, cents, or a count
    design: Literal["hold_out", "delay", "discontinuity"] = "hold_out"  # the others are for what nobody may be held out from
    promise_hours: int | None = Field(default=None, ge=2, le=72)  # delay: everybody is told within so many hours of the draw
    share_later: float = Field(default=0.5, gt=0, lt=1)           # delay: the share that is told at their end
    cap: float | None = Field(default=None, gt=0)  # a unit's value is cut here, so that one giant decides nothing
    stop: Stop = Stop()
    survey: Asked | None = None

    @property
    def version(self) -> str:
        """The hash of what was promised."""
        return hashlib.sha256(json.dumps(self.promised(), sort_keys=True).encode()).hexdigest()[:12]

    def promised(self) -> dict[str, Any]:
        """Return what is frozen; what says nothing beside the usual design is left out, so that it changes no version."""
        unsaid = {"hold_out": {"design", "promise_hours", "share_later"}, "discontinuity": {"promise_hours", "share_later"}}
        return self.model_dump(exclude=unsaid.get(self.design, {"horizon_months"}) | ({"survey"} if self.survey is None else set()))


class Pilot(Strict):
    """How far a pilot reaches; the rest stays in the shadow."""

    share: float = Field(default=0.1, gt=0, le=1)  # of contact units
    daily_cap: int = Field(default=50, ge=1)
    only: tuple[str, ...] = ()                     # customers or addresses; nobody else is in the pilot


class Later(Strict):
    """A later message about the same flag: when it is due, and what it says."""

    after_days: int = Field(default=0, ge=0, le=180)  # after what brings it about: see outreach.later
    message: dict[str, Words] = Field(min_length=1)


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
    topic_in: dict[str, str] = Field(default={})  # what the topic is called in other languages
    holdout: float = Field(default=0.5, ge=0, le=0.5)
    never_hold_out: bool = False                  # safety, money wrongly taken
    priority: int = 0                             # where issues compete for a customer, the higher one speaks
    quiet_days: int = Field(default=14, ge=1, le=365)
    write_on_weekends: bool | None = None         # the settings' word when not stated; true for what cannot wait for a Monday
    write_on_holidays: bool | None = None
    words_not_in_subject: tuple[str, ...] = ()
    remedy: Remedy | None = None
    measure: Measure
    pilot: Pilot = Pilot()
    resolved_when: ResolvedWhen | None = None
    action: Fix | None = None
    person: Person | None = None
    gesture: Amends | None = None
    message: dict[str, Words] = Field(default={})  # none: fix silently
    update: Later | None = None
    fixed: Later | None = None
    survey: Later | None = None
    _kind: str = PrivateAttr(default="notice")

    @property
    def kind(self) -> str:
        """The kind of message this playbook speaks now: see `spoken`."""
        return self._kind

    @property
    def share(self) -> float:
        """The share of units that is held out."""
        return 0.0 if self.never_hold_out else self.holdout

    @property
    def subject_of_wish(self) -> str:
        """The topic a customer opts out of."""
        return self.topic or self.issue

    @property
    def silent(self) -> bool:
        """Whether the trouble is put right without a word."""
        return not self.message

    @property
    def arms_differ(self) -> bool:
        """Whether the arms differ by anything: a message, or an action that is what is tested."""
        return not self.silent or (self.action is not None and self.action.tests == "the action")

    def later(self, kind: str) -> Later | None:
        """Return the later message of that kind."""
        return {"update": self.update, "fixed": self.fixed, "survey": self.survey}.get(kind)

    def words(self, kind: str) -> dict[str, Words]:
        """Return what a kind of message says, by language."""
        if kind == "survey" and self.measure.survey is not None:
            return {language: Words(**said) for language, said in survey_words(self.measure.survey.kind).items()}
        later = self.later(kind)
        return later.message if later else self.message

    def claims_the_fix(self, kind: str) -> bool:
        """Whether a kind of message says that the action was done and has no words for the time before its receipt."""
        claims = self.action is not None and kind in ("notice", "fixed")
        return claims and any(said.what_we_are_doing is None for said in self.words(kind).values())

    def spoken(self, kind: str, *, done: bool) -> "Playbook":
        """Return the playbook as one kind of message speaks; before the action's receipt it says what we are doing."""
        said = self.words(kind)
        if self.action is not None and not done:
            said = {name: each.model_copy(update={"what_we_did": each.what_we_are_doing or each.what_we_did})
                    for name, each in said.items()}  # fmt: skip
        if said == self.message and kind == self.kind:
            return self
        mark = kind if done or self.action is None else f"{kind}-doing"
        spoken = self.model_copy(update={"message": said, "version": f"{self.version}-{mark}"})
        spoken._kind = kind
        return spoken


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
    _check_design(path, playbook)
    _check_silence(path, playbook)
    if playbook.action:
        hook(playbook.action.hook, where=f"{path}: action.hook").check(playbook.action.parameters, where=f"{path}: action.with")
    for where, said in _every_message(path, playbook):
        _check_languages(where, said, company)
    for where, text in _every_text(path, playbook):
        words.check(where, text)
        _check_links(where, text, company)
        words.check_not_for_sale(where, text)
    for where, said in _every_message(path, playbook):
        for language, each in said.items():
            for part in ("subject", "preview"):
                seen = words.longest(getattr(each, part), company.name)
                _check_seen_by_others(f"{where}.{language}.{part}", seen, playbook)
    return playbook


def _check_holdout(path: Path, playbook: Playbook) -> None:
    stated = "holdout" in playbook.model_fields_set
    if playbook.never_hold_out and stated and playbook.holdout > 0:
        raise ConfigError(f"{path}: holdout: contradicts never_hold_out = true, got {playbook.holdout}. Remove one of them.")
    if not playbook.never_hold_out and playbook.holdout == 0:
        raise ConfigError(f"{path}: holdout: without anyone held out nothing can be measured, got 0. "
                          "Say never_hold_out = true if nobody may be held out (safety, money wrongly taken).")


def _check_design(path: Path, playbook: Playbook) -> None:
    measure, where = playbook.measure, f"{path}: measure"
    if measure.design != "hold_out" and not playbook.never_hold_out:
        raise ConfigError(f"{where}.design: is for what nobody may be held out from, got {measure.design!r}. "
                          "Remove it, or say never_hold_out = true.")
    if (measure.design == "delay") != (measure.promise_hours is not None):
        raise ConfigError(f"{where}.promise_hours: goes with design = \"delay\" and only with it, got design = {measure.design!r} and "
                          f"promise_hours = {measure.promise_hours}. Say within how many hours everybody is told, or remove it.")
    if measure.survey and (measure.design != "hold_out" or playbook.survey or playbook.silent or playbook.topic is None):
        raise ConfigError(f"{where}.survey: asks both arms of a playbook that holds out, writes, names a topic and has no [survey] of its own, "
                          f"got design = {measure.design!r}, topic = {playbook.topic!r}. Remove it, or what stands against it.")
    if measure.design == "delay" and measure.outcome == "days_there":
        raise ConfigError(f"{where}.outcome: nothing of 'days_there' shows within hours. Name what does, such as contacts.")


def _check_silence(path: Path, playbook: Playbook) -> None:
    """Raise ConfigError where a playbook that says nothing does nothing either, or means to follow on what was never said."""
    if not playbook.silent:
        return
    if playbook.action is None:
        raise ConfigError(f"{path}: message: a playbook says something or does something, got neither [message.xx] nor [action]. "
                          "Add the words, or the [action] that puts the trouble right silently.")
    for kind in LATER:
        if playbook.later(kind):
            raise ConfigError(f"{path}: {kind}: follows on a message, got a playbook without [message.xx]. Add one, or remove [{kind}].")


def _every_message(path: Path, playbook: Playbook) -> Iterator[tuple[str, dict[str, Words]]]:
    if playbook.message:
        yield f"{path}: message", playbook.message
    for kind in LATER:
        if later := playbook.later(kind):
            yield f"{path}: {kind}.message", later.message


def _check_languages(where: str, said: dict[str, Words], company: Company) -> None:
    for language in said:
        if language not in FRAMES:
            raise ConfigError(unknown_name(where, "language", language, FRAMES))
    fallback = base_language(company.language)
    if fallback not in said:
        raise ConfigError(f"{where}.{fallback}: the company's language is missing, got "
                          f"{', '.join(sorted(said))}. Customers of other languages are written to in it.")


def _every_text(path: Path, playbook: Playbook) -> Iterator[tuple[str, str]]:
    for where, said in _every_message(path, playbook):
        for language, each in said.items():
            for part, text in each.model_dump(exclude_none=True).items():
                yield f"{where}.{language}.{part}", text


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
