"""A rule in the issue's own file: conditions on features, all of which hold; it learns only how often it was right."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from detectors.cases import NOWHERE, Cases, Cells, counted, restored, unknown
from detectors.condition import COMPARISONS, Condition, parse
from detectors.detector import Detector, Examples, Model, Numbers, Probabilities, conditions
from detectors.issue import Issue


@dataclass(frozen=True)
class RuleModel(Model):
    """Conditions, how often trouble followed when they held and when not, and the words for it."""

    features: tuple[str, ...]
    when: tuple[str, ...]
    cases: Cases
    reason: str = ""

    def cells(self, numbers: Numbers) -> Cells:
        """Return 0 where every condition holds, else nowhere."""
        holds = np.ones(len(numbers), dtype=bool)
        for condition in map(parse, self.when):
            holds &= _holds(condition, numbers[:, self.features.index(condition.feature)])
        return np.where(holds, 0, NOWHERE)

    def probability(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return how often trouble followed where the rule holds, or where it does not."""
        return self.cases.probability(self.cells(numbers))

    def speaks_of(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Return where the rule holds."""
        return self.cells(numbers) != NOWHERE

    def moved_by(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return 1 for every feature the rule names: each of its conditions was needed."""
        return np.ones(numbers.shape)

    def said(self, customer: Mapping[str, Any]) -> list[str]:
        """Return the rule's own words."""
        return [self.reason] if self.reason else []

    @property
    def proven(self) -> bool:
        """Whether it held often enough to know how often it is right."""
        return self.cases.proven

    def parts(self) -> dict[str, Any]:
        """Return the conditions, the words and the past cases."""
        return {"when": list(self.when), "reason": self.reason, "cases": self.cases.parts()}


class Rule(Detector):
    """The kind of detector with nothing to learn but its own precision.

    `when`: conditions, all of which hold; `reason`: what is said then; `stand_by`: act on it even while past cases do not
    show that it has skill.
    """

    name = "rule"
    learns = False

    def __init__(self, when: tuple[str, ...] = (), reason: str = "", stand_by: bool = False):  # noqa: D107
        self.when = when
        self.reason = reason
        self.stand_by = stand_by

    def check(self, where: str, issue: Issue) -> None:
        """Refuse a rule without conditions, and one that cannot be read."""
        if not self.when:
            raise ConfigError(f"{where}: detector is 'rule' and [rule] is missing. Add a [rule] with when and reason.")
        conditions(f"{where}.when", self.when)

    def looks_at(self) -> dict[str, tuple[str, ...]]:
        """Return the features of the conditions."""
        return {"when": conditions("rule", self.when)}

    def fit(self, issue: Issue, train: Examples, calibrate: Examples) -> RuleModel:
        """Return the rule with how often it was right on all past days."""
        model = self.untrained(issue)
        at = [train.features.index(name) for name in model.features]
        seen = [(model.cells(e.numbers[:, at]), e) for e in (train, calibrate)]
        return RuleModel(model.features, model.when, counted(seen, 1), model.reason)

    def untrained(self, issue: Issue) -> RuleModel:
        """Return the rule as it stands in the file."""
        features = tuple(dict.fromkeys(conditions("rule", self.when)))
        return RuleModel(features, tuple(self.when), unknown(1), self.reason)

    def restore(self, features: tuple[str, ...], parts: dict[str, Any]) -> RuleModel:
        """Return the model of stored parts."""
        return RuleModel(features, tuple(parts["when"]), restored(parts["cases"]), parts["reason"])


def _holds(condition: Condition, values: Numbers) -> NDArray[np.bool_]:
    if condition.number is None:
        return np.isnan(values) == (condition.comparison == "missing")
    return COMPARISONS[condition.comparison](values, np.float32(condition.number)) & ~np.isnan(values)


DETECTOR = Rule()
