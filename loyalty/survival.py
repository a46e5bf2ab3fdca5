"""How long units stay: Kaplan and Meier's curve and its restricted mean, days counted only as far as they were watched.

The restricted mean up to a horizon is the area under the curve; its variance is Greenwood's, as in Klein and Moeschberger
(2003, ch. 4.5): the sum over leaving times of (area still to come)^2 * left / (at risk * (at risk - left)).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Stay:
    """The restricted mean of one group in days, its standard error, and how much was not seen to the end."""

    days: float
    se: float
    n: int
    left: int
    censored: int           # watched for less than the horizon without leaving

    @property
    def censored_share(self) -> float:
        """The share whose end, or whose horizon, is still to come."""
        return self.censored / self.n if self.n else 0.0


def restricted_mean(days: Numbers, left: Numbers, until: float) -> Stay:
    """Return the mean number of `days` until leaving within `until` days; who has not `left` was watched so long."""
    leaves = np.asarray(left, dtype=bool)
    seen, gone = np.minimum(np.asarray(days, dtype=float), until), leaves & (days <= until)
    times = np.unique(seen[gone])
    at_risk = len(seen) - np.searchsorted(np.sort(seen), times, side="left")
    leavers = np.bincount(np.searchsorted(times, seen[gone]), minlength=len(times)) if len(times) else np.zeros(0)
    curve = np.concatenate([[1.0], np.cumprod(1 - leavers / np.maximum(at_risk, 1))])
    widths = np.diff(np.concatenate([[0.0], times, [until]]))
    areas = curve * widths
    to_come = areas.sum() - np.cumsum(areas)[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(at_risk > leavers, to_come**2 * leavers / (at_risk * (at_risk - leavers)), 0.0)
    censored = int(((days < until) & ~leaves).sum())
    return Stay(float(areas.sum()), float(np.sqrt(terms.sum())), len(seen), int(gone.sum()), censored)


@dataclass(frozen=True)
class Longer:
    """How much longer those contacted stayed, in days up to a horizon."""

    contact: Stay
    hold_out: Stay
    days: float
    low: float
    high: float


def stayed_longer(parts: list[tuple[float, Stay, Stay]]) -> Longer:
    """Return the difference of restricted means over strata, each (weight, contact, hold out), with its 95 % interval."""
    from scipy.special import ndtri

    total = sum(weight for weight, _, _ in parts)
    weights = [weight / total for weight, _, _ in parts]
    arms = [_weighed(weights, [part[at] for part in parts]) for at in (1, 2)]  # type: ignore[misc]
    apart = arms[0].days - arms[1].days
    half = float(ndtri(0.975)) * float(np.hypot(arms[0].se, arms[1].se))
    return Longer(arms[0], arms[1], apart, apart - half, apart + half)


def _weighed(weights: list[float], stays: list[Stay]) -> Stay:
    days = sum(weight * stay.days for weight, stay in zip(weights, stays, strict=True))
    variance = sum((weight * stay.se) ** 2 for weight, stay in zip(weights, stays, strict=True))
    counts = [sum(getattr(stay, name) for stay in stays) for name in ("n", "left", "censored")]
    return Stay(days, float(np.sqrt(variance)), *counts)
