"""From log-odds to probabilities: as many numbers as the troubles seen can bear, fitted where nobody had learned."""

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.evaluate import Values, log_odds, regress

TROUBLES_FOR_THREE_NUMBERS = 2_000


@dataclass(frozen=True)
class Calibration:
    """log-odds of the probability = intercept + rising * ln(s) - falling * ln(1 - s), with s = 1 / (1 + exp(-odds)).

    Equal `rising` and `falling` are Platt's sigmoid; different ones are beta calibration (Kull, Silva Filho and Flach,
    2017), which may bend more at one end. Both rise strictly, so no two customers are made equal.
    """

    intercept: float
    rising: float
    falling: float

    def probability(self, odds: Values) -> Values:
        """Return the probability that belongs to uncalibrated log-odds."""
        s, not_s = _logs(odds)
        return 1 / (1 + np.exp(-(self.intercept + self.rising * s - self.falling * not_s)))

    def parts(self) -> list[float]:
        """Return the three numbers."""
        return list(astuple(self))


def calibration_of(odds: Values, struck: NDArray[np.bool_], weight: Values) -> Calibration:
    """Return the calibration of greatest likelihood; the base rate alone when the odds order customers the wrong way round."""
    if struck.sum() >= TROUBLES_FOR_THREE_NUMBERS:
        s, not_s = _logs(odds)
        intercept, rising, falling = regress(np.column_stack([s, -not_s]), struck, weight)
        if rising > 0 and falling > 0:
            return Calibration(intercept, rising, falling)
    intercept, slope = regress(odds[:, None], struck, weight)
    if slope > 0:
        return Calibration(intercept, slope, slope)
    return Calibration(float(log_odds(np.average(struck, weights=weight))), 0.0, 0.0)


def _logs(odds: Values) -> tuple[Values, Values]:
    return -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
