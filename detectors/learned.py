"""Histogram gradient boosting learned from what happened, tuned on rolling origins, calibrated where nobody had learned."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from detectors import boosted
from detectors.boosted import Boosted, Shape
from detectors.detector import Detector, Examples, Numbers, Probabilities
from detectors.issue import Issue
from detectors.tuning import SHAPES, choose

FIXED = {"max_bins": 127, "early_stopping": False, "categorical_features": None, "random_state": 0}


class HistGrower:
    """scikit-learn's histogram gradient boosting."""

    def grow(self, numbers: Numbers, struck: NDArray[np.bool_], weight: Probabilities, shape: Shape) -> Any:
        """Return a classifier fitted to every row; a column without any value counts as zero, binning fails on it."""
        empty = np.isnan(numbers).all(axis=0)
        if empty.any():
            numbers = np.where(empty, np.float32(0), numbers)
        if (weight == 1).all():
            return estimator(shape).fit(numbers, struck)
        trees = estimator(shape)
        with _bins_of_rows(trees):
            return trees.fit(numbers, struck, sample_weight=weight)

    def odds(self, trees: Any, numbers: Numbers) -> Probabilities:
        """Return the classifier's decision function."""
        return trees.decision_function(numbers)

    def moved(self, trees: Any, numbers: Numbers) -> Probabilities:
        """Return SHAP values."""
        return _explainer(trees).shap_values(numbers, check_additivity=False)

    def keep(self, trees: Any) -> Any:
        """Return the classifier: skops knows its parts."""
        return trees

    def restore(self, kept: Any) -> Any:
        """Return the classifier."""
        return kept


class Learned(Detector):
    """The kind of detector that learns; it flags nobody until enough trouble was seen.

    `tries`: how many shapes of trees are tried; 1 takes the first, untried.
    """

    name = "learned"

    def __init__(self, tries: Annotated[int, Field(ge=1, le=len(SHAPES))] = len(SHAPES)):  # noqa: D107
        self.tries = tries

    def fit(self, issue: Issue, train: Examples, calibrate: Examples) -> Boosted:
        """Choose how trees are grown on the days of `train`, grow them on all days, calibrate on those of `calibrate`."""
        return boosted.fit(GROWER, choose(GROWER, train, SHAPES[: self.tries]), train, calibrate)

    def restore(self, features: tuple[str, ...], parts: dict[str, Any]) -> Boosted:
        """Return the model of stored parts."""
        return boosted.restore(GROWER, features, parts)


def estimator(shape: Shape) -> Any:
    """Return the plain scikit-learn estimator of that shape, not yet fitted."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=shape.rounds, learning_rate=shape.learning_rate, max_leaf_nodes=shape.leaves,
        min_samples_leaf=shape.least_rows, max_features=shape.columns, l2_regularization=shape.l2, **FIXED)


@contextmanager
def _bins_of_rows(trees: Any) -> Iterator[None]:
    """Let the bins' edges be quantiles of the rows, whatever they weigh: weighted ones cost more than growing the trees."""
    make = trees._bin_data
    trees._bin_data = lambda numbers, weight, **how: make(numbers, None, **how)
    try:
        yield
    finally:
        del trees._bin_data


_EXPLAINERS: dict[int, tuple[Any, Any]] = {}


def _explainer(trees: Any) -> Any:
    """Return the explainer of these trees, made once a process; the trees are kept so that the key stays theirs."""
    if id(trees) not in _EXPLAINERS:
        from shap import TreeExplainer

        _EXPLAINERS[id(trees)] = (trees, TreeExplainer(trees))
    return _EXPLAINERS[id(trees)][1]


GROWER = HistGrower()
DETECTOR = Learned()
