"""What scores and features looked like when a model was judged, and how far they have moved since, as effect sizes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detector import Numbers, Probabilities

BINS = 10
FEWEST_KNOWN = 100


def reference(features: Sequence[str], numbers: Numbers, probability: Probabilities) -> dict[str, Any]:
    """Return the deciles of the probability with the share of rows in each, and each feature's mean, spread, share known."""
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, BINS + 1)[1:-1])) if len(probability) else np.zeros(0)
    moments = [_moments(numbers[:, place]) for place in range(len(features))]
    return {
        "edges": [float(edge) for edge in edges],
        "shares": [round(float(share), 6) for share in shares(edges, probability)],
        "features": dict(zip(features, moments, strict=True)),
        "rows": len(numbers),
    }


def shares(edges: NDArray[np.float64], probability: Probabilities) -> NDArray[np.float64]:
    """Return the share of rows between the edges, those below and above included."""
    counts = np.bincount(np.searchsorted(edges, probability, side="right"), minlength=len(edges) + 1)
    return counts / max(len(probability), 1)


def population_stability(before: Sequence[float], now: NDArray[np.float64]) -> float:
    """Return the population stability index, the sum of (now - before) ln(now / before); 0.25 is usually called a shift.

    A bin without rows counts as one in ten thousand.
    """
    was, is_now = np.maximum(np.array(before), 1e-4), np.maximum(now, 1e-4)
    return float(((is_now - was) * np.log(is_now / was)).sum())


def standardized_differences(before: dict[str, Sequence[float]], rows: int, numbers: Numbers) -> dict[str, float]:
    """Return for each feature by how many of its former standard deviations its mean moved, or its share known did.

    The larger of the two counts (Cohen's d for the mean, where at least 100 numbers are known of then and of now; for a
    share, its difference over sqrt(p (1 - p))). `rows` is how many customers `before` is of.
    """
    found = {}
    for place, (name, (mean, spread, known)) in enumerate(before.items()):
        now_mean, _, now_known = _moments(numbers[:, place])
        enough = min(known * rows, now_known * len(numbers)) >= FEWEST_KNOWN
        moved = (now_mean - mean) / max(spread, abs(mean) / 20, 1e-9) if enough else 0.0
        appeared = (now_known - known) / max(float(np.sqrt(known * (1 - known))), 0.05)
        found[name] = round(float(moved if abs(moved) >= abs(appeared) else appeared), 4)
    return found


def _moments(column: NDArray[np.float32]) -> list[float]:
    known = column[~np.isnan(column)].astype(np.float64)
    if not len(known):
        return [0.0, 0.0, 0.0]
    return [round(float(known.mean()), 6), round(float(known.std()), 6), round(len(known) / len(column), 6)]
