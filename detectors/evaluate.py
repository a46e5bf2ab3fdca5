"""How good probabilities are: ranking, skill against the base rate with an interval, and calibration.

Everything is weighted: a row's weight says how many customers like it stand behind it.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
RESAMPLES = 400
UNITS_A_BLOCK = 4_000  # resampled together, to keep memory small
# How often a resample draws a unit, Poisson with mean 1, looked up by 16 random bits: much faster than drawing it.
DRAWN = np.searchsorted(
    np.cumsum([np.exp(-1) / math.factorial(k) for k in range(9)]), np.arange(65_536) / 65_536, side="right"
).astype(np.float32)  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """What judging probabilities on days not learned from has shown."""

    rows: int
    struck: int
    base_rate: float
    average_precision: float
    skill: float                       # Brier skill: 1 perfect, 0 no better than the base rate
    skill_low: float                   # 95 % interval, resampling contact units
    skill_high: float
    calibration_slope: float | None    # 1: as sure as it should be; below 1: too sure; None: cannot be told
    mean_probability: float

    @property
    def predictable(self) -> bool:
        """Whether the skill is above zero beyond doubt."""
        return self.skill_low > 0

    def as_dict(self) -> dict[str, Any]:
        """Return the scores as plain values for the ledger, rounded to six digits."""
        return {name: round(v, 6) if isinstance(v, float) else v for name, v in asdict(self).items()}


def judge(struck: NDArray[np.bool_], probability: Values, weight: Values, unit: NDArray[np.int64]) -> Scores:
    """Score `probability` against what happened; rows of one contact unit are resampled together."""
    low, high = brier_skill_interval(struck, probability, weight, unit)
    return Scores(
        rows=len(struck),
        struck=int(struck.sum()),
        base_rate=float(np.average(struck, weights=weight)) if len(struck) else 0.0,
        average_precision=average_precision(struck, probability, weight),
        skill=brier_skill(struck, probability, weight),
        skill_low=low,
        skill_high=high,
        calibration_slope=calibration_slope(struck, probability, weight),
        mean_probability=float(np.average(probability, weights=weight)) if len(struck) else 0.0,
    )


def average_precision(struck: NDArray[np.bool_], probability: Values, weight: Values) -> float:
    """Return the mean precision over recall; equal probabilities enter together. 0 when nobody was struck."""
    order = np.argsort(-probability, kind="stable")
    p, hits, w = probability[order], (struck * weight)[order], weight[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(p)), len(p) - 1) if len(p) else np.array([], dtype=np.int64)
    found, shown = np.cumsum(hits)[last_of_tie], np.cumsum(w)[last_of_tie]
    if not len(found) or found[-1] == 0:
        return 0.0
    return float(np.sum(np.diff(found, prepend=0.0) * found / np.maximum(shown, 1e-300)) / found[-1])


def brier_skill(struck: NDArray[np.bool_], probability: Values, weight: Values) -> float:
    """Return 1 - Brier score / that of always saying the base rate of these same rows; 0 when that one is perfect."""
    return float(_skill(_sums(struck, probability, weight).sum(axis=0)))


def _sums(struck: NDArray[np.bool_], probability: Values, weight: Values) -> Values:
    return np.column_stack([weight * (struck - probability) ** 2, weight * struck, weight])


def _skill(sums: Values) -> Values:
    """Return the skill from (weighted squared error, weighted struck, weight), whatever the leading shape."""
    error, hits, weight = np.moveaxis(sums, -1, 0)
    rate = hits / np.maximum(weight, 1e-300)
    reference = weight * rate * (1 - rate)
    return np.where(reference > 0, 1 - error / np.where(reference > 0, reference, 1), 0.0)


def brier_skill_interval(
    struck: NDArray[np.bool_], probability: Values, weight: Values, unit: NDArray[np.int64]
) -> tuple[float, float]:
    """Return the 95 % interval of the Brier skill, from resampling whole contact units (Poisson bootstrap)."""
    if not len(struck):
        return 0.0, 0.0
    _, at = np.unique(unit, return_inverse=True)
    by_unit = np.column_stack([np.bincount(at, column) for column in _sums(struck, probability, weight).T])
    rng, totals = np.random.default_rng(0), np.zeros((RESAMPLES, 3))
    for start in range(0, len(by_unit), UNITS_A_BLOCK):
        block = by_unit[start : start + UNITS_A_BLOCK]
        totals += DRAWN[rng.integers(0, 65_536, (RESAMPLES, len(block)), dtype=np.uint16)] @ block.astype(np.float32)
    low, high = np.quantile(_skill(totals), [0.025, 0.975])
    return float(low), float(high)


def calibration_slope(struck: NDArray[np.bool_], probability: Values, weight: Values) -> float | None:
    """Return the slope of the outcome's log-odds on the probability's; None when either does not vary."""
    odds = log_odds(probability)
    if struck.all() or not struck.any() or np.ptp(odds) < 1e-9:
        return None
    return logistic(odds, struck, weight)[1]


def logistic(odds: Values, struck: NDArray[np.bool_], weight: Values) -> tuple[float, float]:
    """Return intercept and slope of the log-odds of being struck on `odds`, of greatest likelihood."""
    intercept, slope = regress(odds[:, None], struck, weight)
    return intercept, slope


def regress(columns: Values, struck: NDArray[np.bool_], weight: Values) -> list[float]:
    """Return intercept and slopes of the log-odds of being struck on `columns`, of greatest likelihood (Newton's method)."""
    design = np.column_stack([np.ones(len(columns)), columns])
    beta = np.zeros(design.shape[1])
    beta[0] = float(log_odds(np.average(struck, weights=weight)))
    for _ in range(100):
        fitted = 1 / (1 + np.exp(-design @ beta))
        hessian = (design * (weight * fitted * (1 - fitted))[:, None]).T @ design + 1e-9 * np.eye(len(beta))
        step = np.linalg.solve(hessian, design.T @ (weight * (struck - fitted)))
        while surprise(design @ (beta + step), struck, weight) > surprise(design @ beta, struck, weight) + 1e-12:
            step = step / 2  # a full step may overshoot where some probabilities are extreme
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            break
    return [float(b) for b in beta]


def calibration_in_the_large(odds: Values, struck: NDArray[np.bool_], weight: Values) -> float:
    """Return what to add to the log-odds so that as many are struck as said (Newton's method)."""
    shift = 0.0
    for _ in range(50):
        p = 1 / (1 + np.exp(-(odds + shift)))
        step = float((weight * (struck - p)).sum() / max((weight * p * (1 - p)).sum(), 1e-12))
        shift += max(min(step, 1.0), -1.0)
        if abs(step) < 1e-10:
            break
    return shift


def surprise(odds: Values, struck: NDArray[np.bool_], weight: Values) -> float:
    """Return the mean negative log-likelihood of what happened."""
    return float(np.average(np.logaddexp(0, odds) - struck * odds, weights=weight))


def log_odds(probability: Values | float) -> Values:
    """Return ln(p / (1 - p)), with p kept a millionth away from 0 and 1."""
    p = np.clip(np.asarray(probability, dtype=np.float64), 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))
