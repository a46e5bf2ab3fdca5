"""Intervals by resampling whole contact units: what one inbox did on several days is drawn together or not at all."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from detectors.evaluate import DRAWN, Values, calibration_in_the_large, log_odds, regress

RESAMPLES = 200
Statistic = Callable[[NDArray[np.bool_], Values, Values], float]


def resamples(unit: NDArray[np.int64], weight: Values, times: int = RESAMPLES) -> Iterator[Values]:
    """Yield the rows' weights of each resample: every unit drawn a Poisson number of times with mean 1."""
    _, at = np.unique(unit, return_inverse=True)
    rng, units = np.random.default_rng(0), int(at.max()) + 1 if len(at) else 0
    for _ in range(times):
        yield weight * DRAWN[rng.integers(0, 65_536, units, dtype=np.uint16)][at]


def interval(statistic: Statistic, struck: NDArray[np.bool_], score: Values, weight: Values, unit: NDArray[np.int64]) -> tuple[float, float]:
    """Return the 95 % interval of a statistic of (struck, score, weight)."""
    of = _ordered(statistic, struck, score)
    return between([of(again) for again in resamples(unit, weight)])


def difference(
    statistic: Statistic, struck: NDArray[np.bool_], scores: tuple[Values, Values], weight: Values, unit: NDArray[np.int64]
) -> tuple[float, float, float]:
    """Return how much better the first scores are than the second, with its 95 % interval, both on the same resamples."""
    first, second = scores
    ours, theirs = (_ordered(statistic, struck, score) for score in (first, second))
    found = [ours(again) - theirs(again) for again in resamples(unit, weight)]
    return ours(weight) - theirs(weight), *between(found)


def _ordered(statistic: Statistic, struck: NDArray[np.bool_], score: Values) -> Callable[[Values], float]:
    """Return the statistic as a function of the weights alone; rows in order already are sorted again in no time."""
    order = np.argsort(-score, kind="stable")
    hit, ranked = struck[order], score[order]
    return lambda weight: statistic(hit, ranked, weight[order])


def between(found: list[float]) -> tuple[float, float]:
    """Return the middle 95 % of what the resamples gave."""
    low, high = np.quantile(found, [0.025, 0.975]) if found else (np.nan, np.nan)
    return float(low), float(high)


def area_under_curve(struck: NDArray[np.bool_], score: Values, weight: Values) -> float:
    """Return the weighted share of (struck, calm) pairs in the right order, ties half; 0.5 when either is missing."""
    values, at = np.unique(score, return_inverse=True)
    hit = np.bincount(at, weight * struck, len(values))
    calm = np.bincount(at, weight * ~struck, len(values))
    pairs = hit.sum() * calm.sum()
    below = np.cumsum(calm) - calm
    return float(((below + calm / 2) * hit).sum() / pairs) if pairs else 0.5


def calibration_line(
    struck: NDArray[np.bool_], probability: Values, weight: Values, unit: NDArray[np.int64]
) -> dict[str, list[float]] | None:
    """Return slope and intercept of the outcome's log-odds on the probability's, each with its 95 % interval.

    The interval is the cluster-robust sandwich's (White 1982), rows of one unit being one cluster. The intercept is the
    calibration in the large: the log-odds to add when the slope is held at 1. None where it cannot be told.
    """
    odds = log_odds(probability)
    if struck.all() or not struck.any() or np.ptp(odds) < 1e-9:
        return None
    both = regress(odds[:, None], struck, weight)
    line = np.column_stack([np.ones(len(odds)), odds])
    slope = both[1], float(np.sqrt(_sandwich(line, line @ np.array(both), struck, weight, unit)[1, 1]))
    shift = calibration_in_the_large(odds, struck, weight)
    large = shift, float(np.sqrt(_sandwich(line[:, :1], odds + shift, struck, weight, unit)[0, 0]))
    return {name: [value, value - 1.96 * error, value + 1.96 * error]
            for name, (value, error) in (("slope", slope), ("intercept", large))}  # fmt: skip


def _sandwich(design: Values, fitted: Values, struck: NDArray[np.bool_], weight: Values, unit: NDArray[np.int64]) -> Values:
    p = 1 / (1 + np.exp(-fitted))
    bread = np.linalg.inv((design * (weight * p * (1 - p))[:, None]).T @ design)
    _, at = np.unique(unit, return_inverse=True)
    score = design * (weight * (struck - p))[:, None]
    by_unit = np.column_stack([np.bincount(at, column) for column in score.T])
    return bread @ (by_unit.T @ by_unit) @ bread

