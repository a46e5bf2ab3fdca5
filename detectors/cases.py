"""How often a detector that learns nothing else was right: past cases counted by cell, each as sure as its cases bear."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detector import Examples, Probabilities

FEWEST = 30  # customers it would have flagged; with fewer nobody knows how often it is right
NOWHERE = -1  # the cell of customers the detector says nothing about
Cells = NDArray[np.int64]


@dataclass(frozen=True)
class Cases:
    """How often trouble followed in each cell and outside of all, and how many customers were seen in the cells."""

    precision: tuple[float, ...]
    otherwise: float
    seen: int

    def probability(self, cells: Cells) -> Probabilities:
        """Return how often trouble followed where each row lies."""
        return np.append(self.precision, self.otherwise)[cells]

    @property
    def proven(self) -> bool:
        """Whether there were enough of them."""
        return self.seen >= FEWEST

    def parts(self) -> dict[str, Any]:
        """Return plain values for storing."""
        return {**asdict(self), "precision": list(self.precision)}


def restored(parts: dict[str, Any]) -> Cases:
    """Return the cases that `Cases.parts` came from."""
    return Cases(tuple(parts["precision"]), float(parts["otherwise"]), int(parts["seen"]))


def unknown(cells: int) -> Cases:
    """Return what is said without any past case: one half, by Laplace's rule of succession."""
    return Cases((0.5,) * cells, 0.0, 0)


def counted(seen: Iterable[tuple[Cells, Examples]], cells: int) -> Cases:
    """Count past rows by cell, by their weight.

    Laplace's rule of succession, (right + 1) / (cases + 2), over all cells; a single cell is drawn to that by two cases.
    """
    right, total, rows = np.zeros(cells + 1), np.zeros(cells + 1), 0
    for cell, examples in seen:
        right += np.bincount(cell + 1, examples.weight * examples.struck, cells + 1)
        total += np.bincount(cell + 1, examples.weight, cells + 1)
        rows += int((cell != NOWHERE).sum())
    of_all = (right[1:].sum() + 1) / (total[1:].sum() + 2)
    each = (right[1:] + 2 * of_all) / (total[1:] + 2)
    return Cases(tuple(round(float(p), 6) for p in each), round(float(right[0] / max(total[0], 1.0)), 6), rows)
