"""From how probable to whom to flag: the level at which capacity is used up on an average day and telling pays."""

import bisect
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.issue import Issue

BANDS = 4  # of probability, each with its own usual lag


@dataclass(frozen=True)
class Level:
    """The probability from which to flag, and what set it: capacity, money, or the base rate."""

    flag_at: float
    set_by: str


def level(issue: Issue, probability: NDArray[np.float64], exposed: NDArray[np.int64], base_rate: float) -> Level:
    """Return from which probability to flag.

    `probability` are those of the days judged on, `exposed` how many customers were at risk on each. A flag stays open
    for its lifetime, so capacity a day times lifetime is how many can be open at once: that many of those at risk on
    an average day lie above the level. It is never below the base rate, nor below where telling costs more than it
    saves.
    """
    floor = lowest(issue, base_rate)
    share = issue.capacity * issue.lifetime_days / max(float(np.mean(exposed)), 1.0) if len(exposed) else 1.0
    rank = round(share * len(probability))
    if rank >= len(probability):
        return floor
    full = float(np.sort(probability)[::-1][max(rank - 1, 0)])
    return Level(full, "capacity") if full > floor.flag_at else floor


def lowest(issue: Issue, base_rate: float) -> Level:
    """Return the level below which nobody is flagged however few there are: the base rate, or where telling pays."""
    pays = issue.value.break_even if issue.value else 0.0
    return Level(pays, "money") if pays > base_rate else Level(base_rate, "base rate")


def worth(issue: Issue, probability: NDArray[np.float64]) -> float | None:
    """Return what telling these customers is expected to be worth, in the company's currency; None without [value]."""
    value = issue.value
    if value is None:
        return None
    each = probability * value.saved - (1 - probability) * value.needless_cost - value.contact_cost
    return round(float(each.sum()), 2)


def usual_lags(probability: NDArray[np.float64], lag_days: NDArray[np.float64]) -> list[dict[str, float]]:
    """Return the median days until the trouble struck those it struck, by bands of rising probability."""
    seen = ~np.isnan(lag_days)
    if not seen.any():
        return []
    edges = np.unique(np.quantile(probability[seen], np.linspace(0, 1, BANDS + 1)[:-1]))
    band = np.searchsorted(edges, probability[seen], side="right") - 1
    lags = lag_days[seen]
    return [{"from": float(edges[b]), "days": round(float(np.median(lags[band == b])), 1)} for b in np.unique(band)]


def days_until(issue: Issue, lags: list[dict[str, Any]], probability: float) -> float:
    """Return the expected days until it hurts; without any experience the middle of the window."""
    if not lags:
        return issue.gap_days + issue.horizon_days / 2
    at = bisect.bisect_right([band["from"] for band in lags], probability) - 1
    return float(lags[max(at, 0)]["days"])
