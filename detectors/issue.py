"""config/issues/<issue>.toml: what the trouble is, who is at risk of it, which detector watches, how many a day."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

import detectors
from core.errors import ConfigError, unknown_name
from core.registry import discover
from core.settings import Settings
from core.strict import Strict, load_toml
from detectors.condition import Condition, parse
from feature_store.sources.configured import load_sources
from feature_store.sources.source import Source

Scalar = bool | int | float | str
FORMS = ({"event"}, {"any_of"}, {"absent_for_days", "source"}, {"count_at_least", "event", "within_days"})


class Trouble(Strict):
    """The events that mark the trouble, in exactly one of four forms; `where` narrows them by their columns' values.

    `event` or `any_of` ("source.kind", or a bare source for all its kinds): it strikes at the event. `count_at_least` n of `event` `within_days`: at the n-th.
    `absent_for_days` n from `source`: when the silence after an event reaches n days.
    """

    event: str | None = None
    any_of: tuple[str, ...] | None = None
    absent_for_days: int | None = Field(default=None, ge=1)
    source: str | None = None
    count_at_least: int | None = Field(default=None, ge=1)
    within_days: int | None = Field(default=None, ge=1)
    where: dict[str, Scalar | tuple[Scalar, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_form(self) -> "Trouble":
        given = self.model_fields_set - {"where"}
        if given not in FORMS:
            forms = "; ".join(" with ".join(sorted(form)) for form in FORMS)
            raise ValueError(f"give exactly one of: {forms}. These do not fit together: {', '.join(sorted(given)) or 'none'}")
        return self

    @property
    def events(self) -> tuple[str, ...]:
        """The "source.kind" names it is about; a bare "source" stands for all its kinds."""
        return self.any_of or (self.event or str(self.source),)

    @property
    def lookback_days(self) -> int:
        """How many days before a moment must be read to know what strikes from that moment on."""
        return self.absent_for_days or 2 * (self.within_days or 0)


class RuleOf(Strict):
    """A rule's conditions, all of which must hold, and the words that say so to a person.

    `stand_by`: act on it even while past cases do not show that it has skill.
    """

    when: tuple[str, ...] = Field(min_length=1)
    reason: str
    stand_by: bool = False


class Value(Strict):
    """What acting is worth, in the company's currency, per flag."""

    contact_cost: float = Field(default=0, ge=0)
    needless_cost: float = Field(default=0, ge=0)   # of telling somebody who would have had no trouble
    saved: float = Field(gt=0)                      # by telling somebody whose trouble comes

    @property
    def break_even(self) -> float:
        """The probability above which telling is worth more than it costs."""
        return (self.contact_cost + self.needless_cost) / (self.saved + self.needless_cost)


class Targeting(Strict):
    """Whom to contact where not all flagged can be: a day's budget, spent by expected net value (loyalty.targeting)."""

    budget: float = Field(gt=0)                     # company currency a day
    cost: float = Field(gt=0)                       # of one contact
    worth: float = Field(gt=0)                      # of one unit of the playbook's primary outcome
    explored: float = Field(default=0.05, ge=0.05, le=1)  # of the choice left to chance, for ever


class Issue(Strict):
    """One kind of trouble; `name` is the file's.

    Which kinds of detector watch it: `detector = "learned"`, or several, each tuned in a table [detectors.<kind>].
    """

    name: str
    description: str
    gap_days: int = Field(default=0, ge=0)
    horizon_days: int = Field(ge=1)
    capacity: float = Field(gt=0)                   # flags a day
    detector: str = "learned"
    detectors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    at_risk: tuple[str, ...] = ()
    trouble: Trouble
    rule: RuleOf | None = None
    value: Value | None = None
    targeting: Targeting | None = None
    expires_days: int | None = Field(default=None, ge=1)
    episode_days: int | None = Field(default=None, ge=0)

    @field_validator("at_risk")
    @classmethod
    def _readable(cls, conditions: tuple[str, ...]) -> tuple[str, ...]:
        for text in conditions:
            parse(text)
        return conditions

    @field_validator("rule")
    @classmethod
    def _rule_readable(cls, rule: RuleOf | None) -> RuleOf | None:
        for text in rule.when if rule else ():
            parse(text)
        return rule

    @property
    def watching(self) -> dict[str, dict[str, Any]]:
        """The kinds of detector that watch it, with what the file tunes of each."""
        stated = dict(self.detectors) or {self.detector: {}}
        if self.rule and "rule" in stated:
            stated["rule"] = self.rule.model_dump(exclude_unset=True)
        return stated

    @property
    def lifetime_days(self) -> int:
        """After how many days an open flag expires: unless stated, when its trouble's window has passed."""
        return self.expires_days or self.gap_days + self.horizon_days

    @property
    def rest_days(self) -> int:
        """How long after a strike (of an event) or an expired flag the episode lasts: unless stated, one horizon."""
        return self.horizon_days if self.episode_days is None else self.episode_days

    @property
    def exposed_when(self) -> tuple[Condition, ...]:
        """The conditions under which a customer is at risk."""
        return tuple(parse(text) for text in self.at_risk)


def load_issues(settings: Settings) -> dict[str, Issue]:
    """Return every issue of the configuration by name. Raise ConfigError that names file, key and fix."""
    files = sorted((settings.folder / "issues").glob("*.toml"))
    sources = load_sources(settings)
    issues = {file.stem: _load(file, file.stat().st_mtime_ns) for file in files}
    for name, issue in issues.items():
        _check(settings.folder / "issues" / f"{name}.toml", issue, sources)
    return issues


@lru_cache(maxsize=256)
def _load(file: Path, changed: int) -> Issue:
    return load_toml(file, Issue, name=file.stem)


def _check(file: Path, issue: Issue, sources: dict[str, Source]) -> None:
    kinds = discover(detectors, "DETECTOR")
    if issue.detectors and "detector" in issue.model_fields_set:
        raise ConfigError(f"{file}: detector is {issue.detector!r} and [detectors] is given as well. Keep one of the two.")
    for name in issue.watching:
        if name not in kinds:
            where = f"{file}: detectors" if issue.detectors else f"{file}: detector"
            raise ConfigError(unknown_name(where, "detector", name, kinds))
    if issue.rule is not None and "rule" not in issue.watching:
        raise ConfigError(f"{file}: detector is {issue.detector!r} and [rule] is given. "
                          "Say detector = \"rule\", or drop [rule].")  # fmt: skip
    if issue.rule is not None and issue.detectors.get("rule"):
        raise ConfigError(f"{file}: [rule] and [detectors.rule] both say what the rule is. Keep one of the two.")
    for name, stated in issue.watching.items():
        where = f"{file}: detectors.{name}" if name in issue.detectors else f"{file}: {name}"
        kinds[name].tuned(where, stated).check(where, issue)
    for name in issue.trouble.events:
        whole = bool(issue.trouble.source) or (bool(issue.trouble.any_of) and "." not in name)
        _check_event(f"{file}: trouble", name, whole, sources)


def _check_event(where: str, name: str, whole_source: bool, sources: dict[str, Source]) -> None:
    source, _, kind = name.partition(".")
    if source not in sources:
        raise ConfigError(unknown_name(where, "source", source, sources))
    if whole_source:
        return
    if not kind:
        raise ConfigError(f'{where}: event {name!r} has no kind. Write "source.kind".')
    kinds = [event.kind.constant for event in sources[source].events]
    if None not in kinds and kind not in kinds:
        raise ConfigError(unknown_name(where, "event", name, [f"{source}.{k}" for k in kinds]))
