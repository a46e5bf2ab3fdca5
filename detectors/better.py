"""Whether one set of probabilities is better than another beyond noise, overall and in no large segment worse."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detector import Examples, Numbers, Probabilities

RESAMPLES = 400
UNITS_A_BLOCK = 4_000
LARGE = 0.1                # a segment of at least this share of the customers ...
FEWEST_STRUCK = 30         # ... and of so many who were struck is large
MOST_SEGMENTS = 40


@dataclass(frozen=True)
class Difference:
    """By how much of the outcome's variance the first is closer to what happened, with a 95 % interval."""

    mean: float
    low: float
    high: float
    worse_in: tuple[str, ...] = ()      # large segments in which it is worse beyond noise

    @property
    def better(self) -> bool:
        """Whether it is better beyond noise and in no large segment worse."""
        return self.low > 0 and not self.worse_in

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for the ledger."""
        return {**{k: round(v, 6) for k, v in asdict(self).items() if k != "worse_in"}, "worse_in": list(self.worse_in)}


def difference(
    known: Examples, first: Probabilities, second: Probabilities, segments: dict[str, NDArray[np.bool_]] | None = None
) -> Difference:
    """Return how much better `first` is than `second` by Brier score, a paired Poisson bootstrap of contact units.

    The difference is a share of the outcome's variance, so it is the difference of two Brier skills.
    """
    segments = segments or {}
    gain = known.weight * ((known.struck - second) ** 2 - (known.struck - first) ** 2)
    rows = [gain, known.weight * known.struck, known.weight, *(gain * inside for inside in segments.values())]
    _, at = np.unique(known.unit, return_inverse=True)
    by_unit = np.column_stack([np.bincount(at, row) for row in rows])
    drawn = _resampled(by_unit.astype(np.float64))
    skill = _share_of_variance(drawn)
    low, high = np.quantile(skill, [0.025, 0.975])
    tops = np.quantile(drawn[:, 3:], 0.975, axis=0) if segments else np.zeros(0)
    worse = tuple(name for name, top in zip(segments, tops, strict=True) if top < 0)
    whole = _share_of_variance(by_unit.sum(axis=0, keepdims=True))
    return Difference(float(whole[0]), float(low), float(high), worse)


def _share_of_variance(sums: Probabilities) -> Probabilities:
    gain, struck, weight = sums[:, 0], sums[:, 1], np.maximum(sums[:, 2], 1e-300)
    rate = struck / weight
    return gain / np.maximum(weight * rate * (1 - rate), 1e-300)


def _resampled(by_unit: Probabilities) -> Probabilities:
    rng, totals = np.random.default_rng(0), np.zeros((RESAMPLES, by_unit.shape[1]))
    for start in range(0, len(by_unit), UNITS_A_BLOCK):
        block = by_unit[start : start + UNITS_A_BLOCK]
        totals += rng.poisson(1.0, (RESAMPLES, len(block))).astype(np.float32) @ block.astype(np.float32)
    return totals


def large_segments(features: Sequence[str], numbers: Numbers, struck: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Return the large groups of customers that yes-or-no features make, by name: those with it and those without."""
    found: dict[str, NDArray[np.bool_]] = {}
    for place, name in enumerate(features):
        column = numbers[:, place]
        if not np.isin(column, (0.0, 1.0)).all():
            continue
        for said, inside in ((name, column == 1), (f"not {name}", column == 0)):
            if inside.mean() >= LARGE and inside.mean() <= 1 - LARGE and struck[inside].sum() >= FEWEST_STRUCK:
                found[said] = inside
    return dict(list(found.items())[:MOST_SEGMENTS])
