"""Choose how trees are grown: a few shapes, tried on rolling origins and unseen contact units, within a stated budget.

A fold learns from the days before its origin and is judged, by average precision, on later days and on other contact units.
Every shape is tried on the first fold, the best five on the second, the best four on the third: fifteen fits. They are judged
by order alone, as the calibration comes later: by log loss timid trees win, whose probabilities need no correction and whose
order is poor. Those near the best are returned with it, since folds cannot tell them apart: one alone is chosen by chance.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from detectors.boosted import Grower, Shape, in_threads, thinned
from detectors.detector import Examples
from detectors.evaluate import average_precision

ROWS_TO_TRY_ON = 10_000   # a fold, as many again to judge; more calm customers than that are thinned and weigh more
FOLDS = 3
LEFT_AFTER = (5, 4, 4)    # so many shapes, fold by fold
NEAR = 0.8                # of the best one's precision, about what chance makes of a shape on these folds
SHAPES = (
    Shape(rounds=100, learning_rate=0.06, leaves=8, least_rows=40, columns=0.3),
    Shape(rounds=150, learning_rate=0.04, leaves=15, least_rows=40, columns=0.3),
    Shape(rounds=60, learning_rate=0.06, leaves=4, least_rows=60, columns=0.3),
    Shape(rounds=100, learning_rate=0.06, leaves=31, least_rows=60, columns=0.5, l2=10.0),
    Shape(rounds=40, learning_rate=0.05, leaves=4, least_rows=150, columns=0.2, l2=20.0),
    Shape(rounds=200, learning_rate=0.06, leaves=4, least_rows=40, columns=0.5),
)


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and rows to judge on, with the weights they have here."""

    learn: Examples
    judge: Examples


def choose(grower: Grower, known: Examples, shapes: tuple[Shape, ...] = SHAPES) -> tuple[Shape, ...]:
    """Return up to four shapes that order best on the folds they were tried on, the best first; the first ones where none can be."""
    found: dict[int, list[float]] = {number: [] for number in range(len(shapes))}
    left = list(found)
    for most, fold in zip(LEFT_AFTER, folds(known) if len(shapes) > 1 else (), strict=False):
        ordered = in_threads(partial(_precision, grower, fold, [shapes[n] for n in left]), len(left))
        for place, precision in zip(left, ordered, strict=True):
            found[place].append(precision)
        left = sorted(left, key=lambda n: -float(np.mean(found[n])))[:most]
    mean = {n: float(np.mean(found[n])) if found[n] else 1.0 for n in left}
    return tuple(shapes[n] for n in left[: LEFT_AFTER[-1]] if mean[n] >= NEAR * mean[left[0]])


def folds(known: Examples) -> list[Fold]:
    """Return up to three folds: later and later origins, and each third of the contact units judged once.

    With a single day only the contact units are told apart. Folds without both outcomes on both sides are left out.
    """
    days = np.unique(known.cutoff)
    third = (known.unit >> 1) % FOLDS
    found = []
    for number in range(FOLDS):
        origin = days[max(len(days) * (number + FOLDS) // (2 * FOLDS), 1)] if len(days) > 1 else None
        before = known.cutoff < origin if origin is not None else np.ones(len(third), dtype=bool)
        after = known.cutoff >= origin if origin is not None else before
        sides = [thinned(known, side, calm=ROWS_TO_TRY_ON, struck=ROWS_TO_TRY_ON // 2)
                 for side in (before & (third != number), after & (third == number))]  # fmt: skip
        if all(side.struck.any() and not side.struck.all() for side in sides):
            found.append(Fold(*sides))
    return found


def _precision(grower: Grower, fold: Fold, shapes: list[Shape], number: int) -> float:
    trees = grower.grow(fold.learn.numbers, fold.learn.struck, fold.learn.weight, shapes[number])
    return average_precision(fold.judge.struck, grower.odds(trees, fold.judge.numbers), fold.judge.weight)
