"""Whom to contact: who is helped by it, estimated from randomised experience; not who is most at risk.

A doubly robust learner (Kennedy 2023) with the known chances of contact: each unit's score
G = m1(x) - m0(x) + (w - e) / (e (1 - e)) (y - m_w(x)) has the unit's effect as its mean whatever m is; gradient-boosted
trees of a few leaves smooth it over x. Whether its ranking is better than risk's is judged in loyalty.policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from loyalty.moments import Codes, Numbers

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


def _trees(known: Numbers, values: Numbers, *, leaves: int, rounds: int, least: int) -> HistGradientBoostingRegressor:
    trees = HistGradientBoostingRegressor(max_leaf_nodes=leaves, max_iter=rounds, learning_rate=0.06, min_samples_leaf=least,
                                          l2_regularization=10.0, early_stopping=False, random_state=SEED)  # fmt: skip
    return trees.fit(known, values)
