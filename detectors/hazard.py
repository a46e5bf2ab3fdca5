"""Discrete-time survival: from the hazard of each stretch of the horizon, how sure the trouble is and how many days off."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from detectors.boosted import in_threads
from detectors.calibration import calibrated, calibration_of
from detectors.detector import Detector, Examples, Model, Numbers, Probabilities, drawn
from detectors.evaluate import log_odds
from detectors.issue import Issue

ROWS_TO_LEARN_FROM = 12_000  # a half, before each is repeated for the stretches it lived through
TREES = {"learning_rate": 0.12, "max_leaf_nodes": 10, "min_samples_leaf": 40, "l2_regularization": 5.0, "max_bins": 63,
         "early_stopping": False, "categorical_features": None, "random_state": 0}  # fmt: skip


@dataclass(frozen=True)
class Survival(Model):
    """Two boosted hazards, one a half of the contact units, the stretches of the horizon, and one calibration.

    S = product of (1 - hazard); the probability is 1 - S over all stretches, and the expected days are those of the
    strike given that it comes within the horizon (Singer and Willett 1993, It's about time).
    """

    features: tuple[str, ...]
    edges: tuple[float, ...]       # days at which stretches begin and end
    trees: tuple[Any, Any]         # trees[h] scores half h and learned from the other one
    calibration: Any

    def strikes(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return the uncalibrated probability that the trouble strikes in each stretch, (rows, stretches)."""
        hazard = np.zeros((len(numbers), len(self.edges) - 1))
        for h in (0, 1):
            mine = np.flatnonzero(half == h)
            for stretch in range(hazard.shape[1]) if len(mine) else ():
                hazard[mine, stretch] = self.trees[h].predict_proba(_with_stretch(numbers[mine], stretch))[:, 1]
        alive = np.cumprod(1 - hazard, axis=1)
        return hazard * np.column_stack([np.ones(len(numbers)), alive[:, :-1]])

    def probability(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return each row's calibrated probability."""
        return calibrated(self.calibration, log_odds(self.strikes(numbers, half).sum(axis=1)))

    def days_until(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return the expected days until the strike, given that it comes within the horizon."""
        strikes = self.strikes(numbers, half)
        middle = (np.array(self.edges[:-1]) + np.array(self.edges[1:])) / 2
        return np.asarray(strikes @ middle / np.maximum(strikes.sum(axis=1), 1e-300))

    def moved_by(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return each feature's share of the log-odds of the hazard, the mean of all stretches (SHAP, exact for trees)."""
        from shap import TreeExplainer

        moved, stretches = np.zeros(numbers.shape), len(self.edges) - 1
        for h in (0, 1):
            mine = np.flatnonzero(half == h)
            if not len(mine):
                continue
            explainer = TreeExplainer(self.trees[h])
            for stretch in range(stretches):
                values = explainer.shap_values(_with_stretch(numbers[mine], stretch), check_additivity=False)
                moved[mine] += values[:, :-1] / stretches
        return moved

    def parts(self) -> dict[str, Any]:
        """Return the estimators and the edges."""
        return {"edges": list(self.edges), "trees": list(self.trees), "calibration": self.calibration}


class Hazard(Detector):
    """The kind of detector that learns when the trouble strikes. `stretches` of the horizon; `trees` boosted."""

    name = "hazard"

    def __init__(self, stretches: Annotated[int, Field(ge=2, le=12)] = 4, trees: Annotated[int, Field(ge=10, le=500)] = 50):  # noqa: D107
        self.stretches = stretches
        self.trees = trees

    def fit(self, issue: Issue, train: Examples, calibrate: Examples) -> Survival:
        """Learn each half's hazards on `train`, the calibration on the later days of `calibrate`."""
        edges = np.linspace(issue.gap_days, issue.gap_days + issue.horizon_days, self.stretches + 1)
        trees = in_threads(lambda h: self._grow(train, np.flatnonzero(train.half != h), edges), 2)
        raw = Survival(train.features, tuple(map(float, edges)), (trees[0], trees[1]), None)
        odds = log_odds(raw.strikes(calibrate.numbers, calibrate.half).sum(axis=1))
        calibration = calibration_of(odds, calibrate.struck, calibrate.weight)
        return Survival(raw.features, raw.edges, raw.trees, calibration)

    def _grow(self, examples: Examples, among: NDArray[np.int64], edges: NDArray[np.float64]) -> Any:
        """Learn hazards from some rows; those without trouble are thinned and weigh as much more."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        struck = drawn(among[examples.struck[among]], ROWS_TO_LEARN_FROM // 2, examples.weight)
        all_calm = among[~examples.struck[among]]
        calm = drawn(all_calm, ROWS_TO_LEARN_FROM - len(struck), examples.weight)
        rows = np.concatenate([struck, calm])
        times = examples.weight[all_calm].sum() / max(len(calm), 1)
        weight = np.concatenate([np.ones(len(struck)), np.full(len(calm), times)])
        numbers, hit, weight = _periods(examples, rows, weight, edges)
        numbers[:, np.isnan(numbers).all(axis=0)] = 0.0  # the binning fails on a column without any value
        made = HistGradientBoostingClassifier(max_iter=self.trees, **TREES)
        return made.fit(numbers, hit, sample_weight=weight)

    def restore(self, features: tuple[str, ...], parts: dict[str, Any]) -> Survival:
        """Return the model of stored parts."""
        trees = (parts["trees"][0], parts["trees"][1])
        return Survival(features, tuple(parts["edges"]), trees, parts["calibration"])


def _periods(
    examples: Examples, rows: NDArray[np.int64], weight: Probabilities, edges: NDArray[np.float64]
) -> tuple[Numbers, NDArray[np.bool_], Probabilities]:
    """Repeat each row for every stretch it lived through, until the one in which the trouble struck."""
    stretches = len(edges) - 1
    struck = examples.struck[rows]
    last = np.where(struck, np.searchsorted(edges, np.nan_to_num(examples.lag_days[rows]), side="right") - 1, stretches - 1)
    last = np.clip(last, 0, stretches - 1).astype(np.int64)
    again = np.repeat(np.arange(len(rows)), last + 1)
    stretch = np.arange(len(again)) - np.repeat(np.cumsum(last + 1) - (last + 1), last + 1)
    numbers = np.column_stack([examples.numbers[rows[again]], stretch.astype(np.float32)])
    return numbers, struck[again] & (stretch == last[again]), weight[again]


def _with_stretch(numbers: Numbers, stretch: int) -> Numbers:
    return np.column_stack([numbers, np.full(len(numbers), stretch, dtype=np.float32)])


DETECTOR = Hazard()
