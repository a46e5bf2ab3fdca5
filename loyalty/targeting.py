"""Whom to contact: who is helped by it, estimated from randomised experience; not who is most at risk.

A doubly robust learner (Kennedy 2023) with the known chances of contact: each unit's score
G = m1(x) - m0(x) + (w - e) / (e (1 - e)) (y - m_w(x)) has the unit's effect as its mean whatever m is; gradient-boosted
trees of a few leaves smooth it over x. Nothing is judged on weeks it was learned from: the learner grows on earlier weeks
and is held against the ranking by risk on later ones. Where it is not better there beyond noise, ranking by risk stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from loyalty.effect import CONFIDENCE
from loyalty.moments import Codes, Numbers

LEAST_UNITS = 2000          # of either arm together; with fewer, an effect by customer is out of reach
JUDGED_BLOCKS, BLOCKS = 3, 6
SEED = 0


@dataclass(frozen=True)
class Experience:
    """Units drawn at random: what was known of them (n, k), contacted or not, the chance of that, outcome, risk, week."""

    known: Numbers
    contact: np.ndarray
    chance: Numbers         # of being contacted: one minus the stored share of hold out
    outcome: Numbers        # higher is better
    risk: Numbers           # the probability they were flagged with
    week: Codes

    def __len__(self) -> int:
        """How many units."""
        return len(self.contact)

    def of(self, chosen: np.ndarray) -> Experience:
        """Return some of the units."""
        return Experience(self.known[chosen], self.contact[chosen], self.chance[chosen], self.outcome[chosen],
                          self.risk[chosen], self.week[chosen])  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """How targeting did on later weeks beside ranking by risk, both contacting the same share of units.

    Values are what a unit of the cohort gains on average; `low` and `high` bound their difference.
    """

    units: int
    share: float
    value: float
    value_of_risk: float
    difference: float
    low: float
    high: float
    qini: float
    qini_of_risk: float
    curve: tuple[tuple[float, float, float], ...] = ()   # share contacted, gain by benefit, gain by risk

    @property
    def better(self) -> bool:
        """Whether targeting beats ranking by risk beyond noise."""
        return self.low > 0

    @property
    def said(self) -> str:
        """The verdict in words."""
        if self.better:
            return f"who is helped is contacted first: on later weeks worth {self.difference:+.4g} a unit more than risk first"
        return (f"risk first stays: on later weeks targeting was worth {self.difference:+.4g} a unit more "
                f"({self.low:+.4g} to {self.high:+.4g}), which is not beyond noise")  # fmt: skip


class Benefit:
    """A fitted estimate of each unit's effect."""

    def __init__(self, smooth: Any, average: float) -> None:
        """Keep what smooths the scores; the average effect is what it shrinks to."""
        self.smooth, self.average = smooth, average

    def __call__(self, known: Numbers) -> Numbers:
        """Return the expected effect of contacting each unit."""
        return np.asarray(self.smooth.predict(known))


def learn(past: Experience) -> Benefit:
    """Fit who is helped: scores by halves of the weeks (each half scored by the other), then smoothed over what is known."""
    halves = past.week % 2 == 0
    scores = np.empty(len(past))
    for half in (halves, ~halves):
        scores[half] = score(past.of(half), past.of(~half))
    average = float(scores.mean())
    return Benefit(_trees(past.known, scores, leaves=6, rounds=60, least=max(100, len(past) // 40)), average)


def score(units: Experience, others: Experience) -> Numbers:
    """Return G for each unit, with outcome models grown on `others`."""
    models = [_trees(others.known[arm], others.outcome[arm], leaves=8, rounds=60, least=50)
              for arm in (others.contact, ~others.contact)]  # fmt: skip
    with_contact, without = (model.predict(units.known) for model in models)
    expected = np.where(units.contact, with_contact, without)
    weight = np.where(units.contact, 1 / units.chance, -1 / (1 - units.chance))
    return np.asarray(with_contact - without + weight * (units.outcome - expected))


def judge(past: Experience, *, share: float, cost: float = 0.0) -> Verdict | None:
    """Hold targeting against ranking by risk on the later blocks of weeks, each learned on the blocks before it alone.

    Both contact the first `share` of each block, targeting only those whose expected effect is above `cost` (a contact's
    cost in the outcome's unit). None where there is too little experience to say anything.
    """
    if len(past) < LEAST_UNITS or len(np.unique(past.week)) < BLOCKS:
        return None
    rank = np.searchsorted(np.unique(past.week), past.week)
    block = rank * BLOCKS // (rank.max() + 1)
    gains, by_benefit, by_risk = [], [], []
    for later in range(BLOCKS - JUDGED_BLOCKS, BLOCKS):
        before, here = past.of(block < later), past.of(block == later)
        expected = learn(before)(here.known)
        gains.append(score(here, before) - cost)
        by_benefit.append(_standing(expected))
        by_risk.append(_standing(here.risk))
        by_benefit[-1][expected <= cost] = 2.0  # never contacted: it would not pay
    return _compared(np.concatenate(gains), np.concatenate(by_benefit), np.concatenate(by_risk), share)


def _compared(gain: Numbers, by_benefit: Numbers, by_risk: Numbers, share: float) -> Verdict:
    from scipy.special import ndtri

    ours, theirs = (np.where(standing < share, gain, 0.0) for standing in (by_benefit, by_risk))
    apart = ours - theirs
    width = float(ndtri((1 + CONFIDENCE) / 2)) * float(apart.std(ddof=1)) / np.sqrt(len(apart))
    shares = np.linspace(0, 1, 21)

    def gained(standing: Numbers, most: float) -> float:
        return float(np.where(standing < most, gain, 0.0).mean())

    curve = tuple((float(most), gained(by_benefit, most), gained(by_risk, most)) for most in shares)
    qini = [float(np.trapezoid([point[at] for point in curve], shares) - gain.mean() / 2) for at in (1, 2)]
    difference = float(apart.mean())
    return Verdict(len(gain), share, float(ours.mean()), float(theirs.mean()), difference, difference - width,
                   difference + width, qini[0], qini[1], curve)  # fmt: skip


def _standing(values: Numbers) -> Numbers:
    """Return each value's place from the top, 0 to just below 1; ties in the order of a seeded shuffle."""
    order = np.lexsort((np.random.default_rng(SEED).random(len(values)), -values))
    place = np.empty(len(values))
    place[order] = np.arange(len(values)) / len(values)
    return place


def _trees(known: Numbers, values: Numbers, *, leaves: int, rounds: int, least: int) -> HistGradientBoostingRegressor:
    trees = HistGradientBoostingRegressor(max_leaf_nodes=leaves, max_iter=rounds, learning_rate=0.06, min_samples_leaf=least,
                                          l2_regularization=10.0, early_stopping=False, random_state=SEED)  # fmt: skip
    return trees.fit(known, values)
