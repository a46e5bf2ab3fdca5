"""Spend a day's budget by expected net value, and keep a part of the choice random for ever.

Without the random part the experience would soon hold only those the ranking liked, and nobody could tell any more
whether it is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from loyalty.moments import Numbers

EXPLORED_AT_LEAST = 0.05


@dataclass(frozen=True)
class Terms:
    """What a contact costs and what a unit of the outcome is worth (company currency), the day's budget, the random part."""

    budget: float
    cost: float
    worth: float
    explored: float = EXPLORED_AT_LEAST

    def __post_init__(self) -> None:
        """Refuse a choice that nobody could learn from, or that cannot be paid."""
        if self.explored < EXPLORED_AT_LEAST:
            raise ValueError(f"explored is {self.explored}. At least {EXPLORED_AT_LEAST} of the choice stays random.")
        if self.cost <= 0 or self.budget < 0:
            raise ValueError(f"cost is {self.cost} and budget {self.budget}. A contact costs something, a budget is not negative.")


@dataclass(frozen=True)
class Choice:
    """Who is to be contacted, who was left to chance, and the chance each had of being chosen."""

    net: Numbers
    chosen: np.ndarray
    explored: np.ndarray
    chance: Numbers


def choose(effect: Numbers, order: Numbers, keys: list[str], terms: Terms) -> Choice:
    """Choose units in the order of `order` (highest first) while the budget lasts and a contact pays.

    `effect` (n) is the expected effect of contacting each unit, in the outcome's unit; `keys` names the units, so that a
    rerun chooses the same. A share `explored` of them is chosen by lot instead, as many of it as of the rest.
    """
    net = effect * terms.worth - terms.cost
    places = max(int(terms.budget / terms.cost + 1e-9), 0)
    ranked = [at for at in np.lexsort((np.array(keys), -order)) if net[at] > 0][:places]
    best = np.zeros(len(net), dtype=bool)
    best[ranked] = True
    fraction = min(places / max(len(net), 1), 1.0) if len(ranked) < places else best.mean()
    explored = np.array([_lot("explored", key) < terms.explored for key in keys], dtype=bool)
    by_lot = np.array([_lot("chosen", key) < fraction for key in keys], dtype=bool)
    chance = (1 - terms.explored) * best + terms.explored * fraction
    return Choice(net, np.where(explored, by_lot, best), explored, np.asarray(chance))


def _lot(purpose: str, key: str) -> float:
    """Return a number in [0, 1) that depends on the purpose and the unit alone."""
    return int.from_bytes(sha256(f"{purpose}\x1f{key}".encode()).digest()[:8], "big") / 2**64
