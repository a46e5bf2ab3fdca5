"""config/playbooks/<issue>.toml: what we do about an issue; a playbook that loads is a playbook that can run."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr

from core.settings import Company, Settings
from core.strict import Strict, load_toml
from outreach.measure import Measure
from outreach.playbook_checks import check
from outreach.playbook_parts import Amends, Fix, Person
from outreach.survey_words import survey_words


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
    check(path, playbook, company)
    return playbook
