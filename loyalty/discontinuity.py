"""What cannot be held out: the effect at the score threshold, where flagged and unflagged customers are nearly alike.

A local line on each side of the threshold, triangular weights, the bandwidth of Imbens and Kalyanaraman's rule of thumb kind, and
the bias-corrected interval with its robust variance of Calonico, Cattaneo and Titiunik (2014, Econometrica 82): the bias
is estimated by local parabolas of the same bandwidth, so the corrected estimate is the parabolas' own jump and its variance
holds what correcting costs. It speaks of customers at the threshold alone, and is named so wherever it is shown.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.float64]]
NAME = "discontinuity at the score threshold: it holds for customers near the threshold, not for all"
LEAST_A_SIDE = 50
CROWDED = 0.01              # a p of the density test below this: scores were pushed over the threshold
BINS_A_SIDE = 10


@dataclass(frozen=True)
class Jump:
    """The jump of the outcome at the threshold (contacted side minus the other), with its 95 % interval."""

    effect: float           # conventional, from lines
    corrected: float        # bias-corrected, from parabolas
    se: float               # robust
    low: float
    high: float
    bandwidth: float
    n_below: int
    n_above: int
    crowding_p: float       # that the density of scores does not jump at the threshold
    edges: tuple[float, float]  # the outcome at the threshold from below and from above, corrected


def jump_at(score: Numbers, value: Numbers, threshold: float, bandwidth: float | None = None) -> Jump | str:
    """Return the jump of `value` where `score` passes the threshold (at and above are contacted), or in words why it cannot be read."""
    from scipy.special import ndtri

    x, y = np.asarray(score, dtype=float) - threshold, np.asarray(value, dtype=float)
    width = bandwidth or _bandwidth(x, y)
    near = np.abs(x) < width
    below, above = near & (x < 0), near & (x >= 0)
    sides = int(below.sum()), int(above.sum())
    if min(sides) < LEAST_A_SIDE:
        return f"too few near the threshold: {sides[0]} below and {sides[1]} above, {LEAST_A_SIDE} a side are needed"
    line = [_edge(x[side], y[side], width, 1)[0] for side in (below, above)]
    curved = [_edge(x[side], y[side], width, 2) for side in (below, above)]
    corrected, se = curved[1][0] - curved[0][0], float(np.hypot(curved[0][1], curved[1][1]))
    half = float(ndtri(0.975)) * se
    return Jump(line[1] - line[0], corrected, se, corrected - half, corrected + half, width, *sides, _crowding_p(x[near], width),
                (curved[0][0], curved[1][0]))  # fmt: skip


def _edge(x: Numbers, y: Numbers, width: float, degree: int) -> tuple[float, float]:
    """Return the fitted value at the threshold from one side and its heteroskedasticity-robust (HC3) standard error."""
    powers = np.vander(x / width, degree + 1, increasing=True)
    weights = 1 - np.abs(x) / width
    inner = np.linalg.pinv(powers.T @ (weights[:, None] * powers))
    slope = inner @ (powers.T @ (weights * y))
    leverage = np.einsum("ij,jk,ik->i", powers, inner, powers) * weights
    residual = (y - powers @ slope) / np.maximum(1 - leverage, 1e-6)
    meat = powers.T @ ((weights * residual)[:, None] ** 2 * powers)
    return float(slope[0]), float(np.sqrt((inner @ meat @ inner)[0, 0]))


def _crowding_p(x: Numbers, width: float) -> float:
    """Return the p of no jump in the density of scores, in the manner of McCrary (2008): counts in bins, a line for their
    logarithm on each side (Poisson), the standard error stretched where the counts spread more than Poisson's would."""
    from scipy.special import ndtr

    counts = np.histogram(x, bins=2 * BINS_A_SIDE, range=(-width, width))[0].astype(float)
    at = (np.arange(2 * BINS_A_SIDE) + 0.5) / BINS_A_SIDE - 1
    design = np.column_stack([np.ones_like(at), at > 0, at, at * (at > 0)])
    log_mean = np.log(counts + 0.5)
    for _ in range(25):
        mean = np.exp(np.clip(log_mean, -20, 20))
        inner = np.linalg.pinv(design.T @ (mean[:, None] * design))
        log_mean = design @ (inner @ (design.T @ (mean * (np.clip(log_mean, -20, 20) + (counts - mean) / mean))))
    mean = np.exp(np.clip(log_mean, -20, 20))
    spread = max(1.0, float(((counts - mean) ** 2 / mean).sum()) / (2 * BINS_A_SIDE - 4))
    inner = np.linalg.pinv(design.T @ (mean[:, None] * design))
    jump = (inner @ (design.T @ (mean * log_mean)))[1]
    return float(2 * ndtr(-abs(jump) / np.sqrt(inner[1, 1] * spread)))


def _bandwidth(x: Numbers, y: Numbers) -> float:
    """Return a plug-in bandwidth: from the noise and density at the threshold and the curvature of a quartic on each side."""
    pilot = 1.84 * np.std(x) * len(x) ** -0.2
    near = np.abs(x) < pilot
    density = max(near.sum() / (2 * len(x) * pilot), 1e-12)
    noise = np.mean([np.var(y[near & side]) if (near & side).sum() > 1 else np.var(y) for side in (x < 0, x >= 0)])
    if not noise > 0:
        return float(pilot)  # nothing happened near the threshold: any width shows it
    bends = [2 * np.polyfit(x[side], y[side], min(4, max(2, side.sum() // 20)))[-3] if side.sum() > 40 else 0.0
             for side in (x < 0, x >= 0)]  # fmt: skip
    curvature = (bends[1] - bends[0]) ** 2
    regular = 2160 * noise / (max(min(int((x < 0).sum()), int((x >= 0).sum())), 1) * max(pilot, 1e-12) ** 4)
    width = 3.4375 * (2 * noise / (density * (curvature + regular))) ** 0.2 * len(x) ** -0.2
    return float(np.clip(width, pilot / 4, np.abs(x).max()))
