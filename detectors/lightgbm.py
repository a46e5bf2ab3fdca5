"""LightGBM's trees behind the same contract as `learned`: quicker to score, kept as LightGBM's own text."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from detectors import boosted
from detectors.boosted import Boosted, Shape
from detectors.detector import Detector, Examples, Numbers, Probabilities
from detectors.issue import Issue
from detectors.tuning import SHAPES, choose

FIXED = {"objective": "binary", "verbose": -1, "num_threads": 1, "deterministic": True, "force_col_wise": True,
         "max_bin": 127, "seed": 0}  # fmt: skip


class LightGrower:
    """LightGBM's gradient boosting."""

    def grow(self, numbers: Numbers, struck: NDArray[np.bool_], weight: Probabilities, shape: Shape) -> Any:
        """Return a booster fitted to every row."""
        import lightgbm

        rows = lightgbm.Dataset(numbers, struck.astype(np.float32), weight=weight, params={"verbose": -1, "max_bin": 127})
        return lightgbm.train(parameters(shape), rows, num_boost_round=shape.rounds)

    def odds(self, trees: Any, numbers: Numbers) -> Probabilities:
        """Return the raw score."""
        return trees.predict(numbers, raw_score=True, num_threads=1)

    def moved(self, trees: Any, numbers: Numbers) -> Probabilities:
        """Return SHAP values, without the last column, which is what everybody starts from."""
        return trees.predict(numbers, pred_contrib=True, num_threads=1)[:, :-1]

    def keep(self, trees: Any) -> str:
        """Return the trees as text."""
        return trees.model_to_string()

    def restore(self, kept: str) -> Any:
        """Return the trees of a text."""
        import lightgbm

        return lightgbm.Booster(model_str=kept)


class LightGBM(Detector):
    """The kind of detector that learns with LightGBM; it flags nobody until enough trouble was seen.

    `tries`: how many shapes of trees are tried; 1 takes the first, untried.
    """

    name = "lightgbm"

    def __init__(self, tries: Annotated[int, Field(ge=1, le=len(SHAPES))] = len(SHAPES)):  # noqa: D107
        self.tries = tries

    def fit(self, issue: Issue, train: Examples, calibrate: Examples) -> Boosted:
        """Choose how trees are grown on the days of `train`, grow them on all days, calibrate on those of `calibrate`."""
        return boosted.fit(GROWER, choose(GROWER, train, SHAPES[: self.tries]), train, calibrate)

    def restore(self, features: tuple[str, ...], parts: dict[str, Any]) -> Boosted:
        """Return the model of stored parts."""
        return boosted.restore(GROWER, features, parts)


def parameters(shape: Shape) -> dict[str, Any]:
    """Return LightGBM's own names for a shape."""
    return {**FIXED, "learning_rate": shape.learning_rate, "num_leaves": shape.leaves, "min_child_samples": shape.least_rows,
            "feature_fraction_bynode": shape.columns, "lambda_l2": shape.l2}  # fmt: skip


def untuned(numbers: Numbers, struck: NDArray[np.bool_], weight: Probabilities) -> Any:
    """Return a booster with LightGBM's own defaults, as somebody would who has no time."""
    import lightgbm

    rows = lightgbm.Dataset(numbers, struck.astype(np.float32), weight=weight, params={"verbose": -1})
    return lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 0}, rows)


GROWER = LightGrower()
DETECTOR = LightGBM()
