"""A rule in the issue's own file: conditions on features, all of which hold; it learns only how often it was right."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.condition import COMPARISONS, Condition, parse
from detectors.detector import Examples, Numbers, Probabilities
from detectors.issue import Issue

FEWEST_TO_JUDGE = 30  # customers it would have flagged; with fewer its precision is not known and 1 is said


@dataclass(frozen=True)
class RuleModel:
    """Conditions, and how often trouble followed when they held; 1 where that is not known."""

    features: tuple[str, ...]
    when: tuple[str, ...]
    precision: float = 1.0

    def probability(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return the precision where every condition holds, else 0."""
        holds = np.ones(len(numbers), dtype=bool)
        for condition in map(parse, self.when):
            holds &= _holds(condition, numbers[:, self.features.index(condition.feature)])
        return np.where(holds, self.precision, 0.0)

    def moved_by(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return 1 for every feature the rule names: each of its conditions was needed."""
        return np.ones(numbers.shape)

    def parts(self) -> dict[str, Any]:
        """Return the conditions and the precision."""
        return {"when": list(self.when), "precision": self.precision}


class Rule:
    """The kind of detector with nothing to learn but its own precision."""

    name = "rule"
    learns = False

    def fit(self, issue: Issue, train: Examples, calibrate: Examples) -> RuleModel:
        """Return the rule with the precision it had on all past days, drawn slightly to one half."""
        model = self.untrained(issue)
        at = [train.features.index(name) for name in model.features]
        seen = [(model.probability(e.numbers[:, at], e.half) > 0, e) for e in (train, calibrate)]
        flagged = sum(float(e.weight[holds].sum()) for holds, e in seen)
        right = sum(float(e.weight[holds & e.struck].sum()) for holds, e in seen)
        known = sum(int(holds.sum()) for holds, _ in seen) >= FEWEST_TO_JUDGE
        return RuleModel(model.features, model.when, round((right + 1) / (flagged + 2), 6) if known else 1.0)

    def untrained(self, issue: Issue) -> RuleModel:
        """Return the rule as it stands in the file."""
        features = tuple(dict.fromkeys(c.feature for c in issue.rule_when))
        return RuleModel(features, issue.rule.when if issue.rule else ())

    def restore(self, features: tuple[str, ...], parts: dict[str, Any]) -> RuleModel:
        """Return the model of stored parts."""
        return RuleModel(features, tuple(parts["when"]), float(parts["precision"]))


def _holds(condition: Condition, values: Numbers) -> NDArray[np.bool_]:
    if condition.number is None:
        return np.isnan(values) == (condition.comparison == "missing")
    return COMPARISONS[condition.comparison](values, np.float32(condition.number)) & ~np.isnan(values)


DETECTOR = Rule()
