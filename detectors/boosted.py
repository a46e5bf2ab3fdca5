"""Boosted trees of either library: several sets of them, each learned from other contact units, and one calibration.

Nobody's probability is calibrated on trees that saw them. With few rows five sets, each blind to a fifth of the contact
units, are averaged, which steadies them; with many rows two sets, each blind to the half that it scores, cost one pass.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.calibration import calibrated, calibration_of
from detectors.detector import Examples, Model, Numbers, Probabilities, drawn
from detectors.evaluate import calibration_in_the_large, log_odds

FEW_ROWS = 150_000                # up to which several sets of trees, averaged, are worth their time ...
SETS = 5                          # ... so many
CALM_A_TROUBLE = 30               # rows without trouble that trees are grown on; of more, each weighs more
CALM_AT_LEAST = 10_000
ROWS_TO_CALIBRATE_ON = 200_000    # evenly along the days, when there are more
TROUBLES_TO_SAY_HOW_HIGH = 100    # on the newest days; with fewer, all days say it


@dataclass(frozen=True)
class Shape:
    """How trees are grown."""

    rounds: int
    learning_rate: float
    leaves: int
    least_rows: int        # in a leaf
    columns: float         # share of the features tried at each split
    l2: float = 5.0


class Grower(Protocol):
    """A library's trees: grown, asked, explained and kept."""

    def grow(self, numbers: Numbers, struck: NDArray[np.bool_], weight: Probabilities, shape: Shape) -> Any:
        """Return trees learned from every row, each weighing what it stands for."""
        ...

    def odds(self, trees: Any, numbers: Numbers) -> Probabilities:
        """Return uncalibrated log-odds."""
        ...

    def moved(self, trees: Any, numbers: Numbers) -> Probabilities:
        """Return each feature's share of the log-odds (SHAP, exact for trees)."""
        ...

    def keep(self, trees: Any) -> Any:
        """Return the trees as something skops can store."""
        ...

    def restore(self, kept: Any) -> Any:
        """Return the trees that `keep` was given."""
        ...


@dataclass(frozen=True)
class Boosted(Model):
    """Sets of trees, each blind to one group of contact units, and the calibration they share."""

    features: tuple[str, ...]
    grower: Grower
    sets: tuple[Any, ...]
    calibration: list[float]   # intercept, rising, falling

    def probability(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return each row's calibrated probability."""
        return calibrated(self.calibration, self.odds(numbers, half))

    def odds(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return uncalibrated log-odds: of two sets the one blind to the row's half, of more their mean."""
        return self._by_set(self.grower.odds, numbers, half, (len(numbers),))

    def moved_by(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return each feature's share of the log-odds."""
        return self._by_set(self.grower.moved, numbers, half, numbers.shape)

    def _by_set(self, ask: Any, numbers: Numbers, half: NDArray[np.int64], shape: tuple[int, ...]) -> Probabilities:
        def of(number: int) -> tuple[Any, Any]:
            mine = half == number if len(self.sets) == 2 else slice(None)
            asked = numbers[mine]
            return mine, ask(self.sets[number], asked) if len(asked) else 0.0

        found = np.zeros(shape)
        for mine, answer in in_threads(of, len(self.sets)):
            found[mine] += answer
        return found if len(self.sets) == 2 else found / len(self.sets)

    def parts(self) -> dict[str, Any]:
        """Return the trees and the three numbers of the calibration."""
        return {"trees": [self.grower.keep(trees) for trees in self.sets], "calibration": list(self.calibration)}


def restore(grower: Grower, features: tuple[str, ...], parts: dict[str, Any]) -> Boosted:
    """Return the model of stored parts."""
    sets = tuple(grower.restore(kept) for kept in parts["trees"])
    return Boosted(features, grower, sets, list(parts["calibration"]))


def fit(grower: Grower, shapes: tuple[Shape, ...], train: Examples, calibrate: Examples) -> Boosted:
    """Grow the sets on all rows, and calibrate on rows as seen by the set blind to them.

    Sets that are averaged take the `shapes` in turn, which steadies the choice among them; two sets take the first.
    The later days are learned from as well: a set that is blind to a contact unit has not seen its later days either. How
    steep the calibration is comes from all days, how high it lies from those of `calibrate`, the newest.
    """
    known = train.and_also(calibrate)
    grown_on = thinned(known, np.ones(len(known.struck), dtype=np.bool_), calm=max(CALM_A_TROUBLE * int(known.struck.sum()), CALM_AT_LEAST))
    groups, shapes = (SETS, shapes) if len(grown_on.struck) <= FEW_ROWS else (2, shapes[:1])
    group = known.unit % groups
    sets = in_threads(lambda g: _grown(grower, grown_on.of(grown_on.unit % groups != g), shapes[g % len(shapes)]), groups)
    rows = drawn(np.arange(len(group)), ROWS_TO_CALIBRATE_ON, np.ones(len(group)))
    blind, later = known.of_rows(rows), rows >= len(train.struck)
    odds = _blind_odds(grower, sets, blind.numbers, group[rows])
    calibration = calibration_of(odds, blind.struck, blind.weight)
    if blind.struck[later].sum() >= TROUBLES_TO_SAY_HOW_HIGH:
        said = calibrated(calibration, odds[later])
        calibration[0] += calibration_in_the_large(log_odds(said), blind.struck[later], blind.weight[later])
    return Boosted(known.features, grower, tuple(sets), calibration)


def _grown(grower: Grower, known: Examples, shape: Shape) -> Any:
    return grower.grow(known.numbers, known.struck, known.weight, shape)


def thinned(known: Examples, among: NDArray[np.bool_], *, calm: int, struck: int | None = None) -> Examples:
    """Return the rows `among` these, those without trouble at most `calm`, and of the others `struck`; what they weigh is kept.

    Thirty without trouble for each with it tell nearly all that more of them would (King and Zeng 2001; ADR 10 has figures).
    """
    rows: list[NDArray[np.int64]] = []
    weight = known.weight.copy()
    for outcome, most in ((True, struck), (False, calm)):
        mine = np.flatnonzero(among & (known.struck == outcome))
        kept = mine if most is None or len(mine) <= most else drawn(mine, most, np.ones(len(weight)))
        if len(kept) < len(mine):
            weight[kept] *= known.weight[mine].sum() / max(known.weight[kept].sum(), 1e-300)
        rows.append(kept)
    chosen = np.sort(np.concatenate(rows))
    return replace(known.of_rows(chosen), weight=weight[chosen])


def _blind_odds(grower: Grower, sets: list[Any], numbers: Numbers, group: NDArray[np.int64]) -> Probabilities:
    """Return log-odds of rows, each asked of the set that is blind to its group."""
    odds = np.zeros(len(group))
    for g, answer in enumerate(in_threads(lambda g: _odds_of(grower, sets[g], numbers[group == g]), len(sets))):
        odds[group == g] = answer
    return odds


def _odds_of(grower: Grower, trees: Any, numbers: Numbers) -> Probabilities:
    return grower.odds(trees, numbers) if len(numbers) else np.zeros(0)


def in_threads(work: Any, times: int) -> list[Any]:
    """Return work(0), work(1), ... done side by side, the machine's cores shared out among them.

    Threads of one tree that wait for each other after every split cost ten times more on a busy machine.
    """
    at_once = max(min(times, os.cpu_count() or 1), 1)
    each = max((os.cpu_count() or 1) // at_once, 1)

    def alone(number: int) -> Any:
        with _thread_pools().limit(limits=each, user_api="openmp"):  # the limit is the calling thread's own
            return work(number)

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(alone, range(times)))


@lru_cache(maxsize=1)
def _thread_pools() -> Any:
    import sklearn.ensemble  # noqa: F401  # its threads can be limited only once they are loaded
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
