"""Boosted trees learned from what happened, calibrated on later days, each customer scored by trees of the other half."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detector import Detector, Examples, Model, Numbers, Probabilities, drawn
from detectors.evaluate import log_odds, logistic
from detectors.issue import Issue

ROWS_TO_LEARN_FROM = 16_000       # a half; customers without trouble are thinned to reach it
TROUBLES_FOR_ISOTONIC = 1_000     # below, two numbers (a sigmoid) are all the calibration the data can bear
TREES = {"max_iter": 50, "learning_rate": 0.12, "max_leaf_nodes": 10, "min_samples_leaf": 40, "l2_regularization": 5.0,
         "max_features": 0.5, "max_bins": 63, "early_stopping": False, "categorical_features": None,
         "random_state": 0}  # fmt: skip


@dataclass(frozen=True)
class Halves(Model):
    """Two boosted classifiers, one a half of the contact units, and one calibration.

    A customer is scored by the trees that never saw their contact unit, on every day, so what was judged in training
    is what happens in use.
    """

    features: tuple[str, ...]
    trees: tuple[Any, Any]         # trees[h] scores half h and learned from the other one
    calibration: Any               # intercept and slope, or an IsotonicRegression, on the trees' log-odds

    def probability(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return each row's calibrated probability."""
        return calibrated(self.calibration, raw(self.trees, numbers, half))

    def moved_by(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return each feature's share of the log-odds (SHAP, exact for trees)."""
        moved = np.zeros(numbers.shape)
        for h in (0, 1):
            if (half == h).any():
                moved[half == h] = _explainer(self.trees[h]).shap_values(numbers[half == h], check_additivity=False)
        return moved

    def parts(self) -> dict[str, Any]:
        """Return the estimators."""
        return {"trees": list(self.trees), "calibration": self.calibration}


class Learned(Detector):
    """The kind of detector that learns; it flags nobody until enough trouble was seen."""

    name = "learned"
    learns = True

    def fit(self, issue: Issue, train: Examples, calibrate: Examples) -> Halves:
        """Learn the trees on `train`, the calibration on the later days of `calibrate`."""
        with ThreadPoolExecutor(2) as pool:  # one thread each: quicker than two that wait for each other in every split
            trees = tuple(pool.map(lambda h: grow(train, np.flatnonzero(train.half != h)), (0, 1)))
        odds = raw(trees, calibrate.numbers, calibrate.half)
        return Halves(train.features, (trees[0], trees[1]), calibration_of(odds, calibrate.struck, calibrate.weight))

    def untrained(self, issue: Issue) -> None:
        """Return None: without examples there is nothing to say."""
        return

    def restore(self, features: tuple[str, ...], parts: dict[str, Any]) -> Halves:
        """Return the model of stored parts."""
        return Halves(features, (parts["trees"][0], parts["trees"][1]), parts["calibration"])


def grow(examples: Examples, among: NDArray[np.int64]) -> Any:
    """Return boosted trees learned from some rows, each as often as its weight says, those without trouble thinned.

    Thinning shifts all log-odds alike; the calibration, which sees every customer of later days, shifts them back.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    struck = drawn(among[examples.struck[among]], ROWS_TO_LEARN_FROM // 2, examples.weight)
    calm = drawn(among[~examples.struck[among]], ROWS_TO_LEARN_FROM - len(struck), examples.weight)
    rows = np.sort(np.concatenate([struck, calm]))
    numbers = examples.numbers[rows]
    numbers[:, np.isnan(numbers).all(axis=0)] = 0.0  # the binning fails on a column without any value
    with _one_thread():
        return HistGradientBoostingClassifier(**TREES).fit(numbers, examples.struck[rows])


def raw(trees: tuple[Any, Any], numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
    """Return uncalibrated log-odds, each row from the trees that did not learn from its half."""
    odds = np.zeros(len(numbers))

    def of_half(h: int) -> None:
        mine = half == h
        if mine.any():
            with _one_thread():  # the limit is the calling thread's own
                odds[mine] = trees[h].decision_function(numbers[mine])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(of_half, (0, 1)))
    return odds


def _one_thread() -> Any:
    """Keep the trees to the calling thread: on a busy machine threads that wait for each other cost ten times more."""
    return _thread_pools().limit(limits=1, user_api="openmp")


@lru_cache(maxsize=1)
def _thread_pools() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def calibration_of(odds: Probabilities, struck: NDArray[np.bool_], weight: Probabilities) -> Any:
    """Return what turns log-odds into probabilities, as rich as the number of troubles bears."""
    if struck.sum() >= TROUBLES_FOR_ISOTONIC:
        from sklearn.isotonic import IsotonicRegression

        return IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(odds, struck, sample_weight=weight)
    intercept, slope = logistic(odds, struck, weight)
    return {"intercept": intercept, "slope": slope} if slope > 0 else {"intercept": mean_odds(struck, weight), "slope": 0.0}


def mean_odds(struck: NDArray[np.bool_], weight: Probabilities) -> float:
    """Return the log-odds of the base rate: all there is to say when the trees order customers the wrong way round."""
    return float(log_odds(np.average(struck, weights=weight)))


def calibrated(calibration: Any, odds: Probabilities) -> Probabilities:
    """Return probabilities; within a step of an isotonic calibration the log-odds still order the customers."""
    if isinstance(calibration, dict):
        return 1 / (1 + np.exp(-(calibration["intercept"] + calibration["slope"] * odds)))
    return np.clip(calibration.predict(odds) + 1e-9 * np.tanh(odds / 10), 0.0, 1.0)


_EXPLAINERS: dict[int, tuple[Any, Any]] = {}


def _explainer(trees: Any) -> Any:
    """Return the explainer of these trees, made once a process; the trees are kept so that the key stays theirs."""
    if id(trees) not in _EXPLAINERS:
        from shap import TreeExplainer

        _EXPLAINERS[id(trees)] = (trees, TreeExplainer(trees))
    return _EXPLAINERS[id(trees)][1]


DETECTOR = Learned()
