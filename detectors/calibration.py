"""From log-odds to probabilities: as many numbers as the troubles seen can bear, fitted where nobody had learned.

A calibration is three plain numbers, intercept, rising and falling: the log-odds of the probability are
intercept + rising * ln(s) - falling * ln(1 - s), with s = 1 / (1 + exp(-odds)). Equal `rising` and `falling` are Platt's
sigmoid; different ones are beta calibration (Kull, Silva Filho and Flach 2017), which may bend more at one end. Both rise
strictly, so no two customers are made equal.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.evaluate import Values, log_odds, regress

TROUBLES_FOR_THREE_NUMBERS = 2_000


def calibrated(calibration: Sequence[float], odds: Values) -> Values:
    """Return the probabilities that belong to uncalibrated log-odds."""
    intercept, rising, falling = calibration
    s, not_s = _logs(odds)
    return 1 / (1 + np.exp(-(intercept + rising * s - falling * not_s)))


def calibration_of(odds: Values, struck: NDArray[np.bool_], weight: Values) -> list[float]:
    """Return the calibration of greatest likelihood; the base rate alone when the odds order customers the wrong way round."""
    if struck.sum() >= TROUBLES_FOR_THREE_NUMBERS:
        s, not_s = _logs(odds)
        intercept, rising, falling = regress(np.column_stack([s, -not_s]), struck, weight)
        if rising > 0 and falling > 0:
            return [intercept, rising, falling]
    intercept, slope = regress(odds[:, None], struck, weight)
    return [intercept, slope, slope] if slope > 0 else base_rate_alone(struck, weight)


def base_rate_alone(struck: NDArray[np.bool_], weight: Values) -> list[float]:
    """Return the calibration that gives everybody the base rate."""
    return [float(log_odds(np.average(struck, weights=weight))), 0.0, 0.0]


def _logs(odds: Values) -> tuple[Values, Values]:
    return -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
