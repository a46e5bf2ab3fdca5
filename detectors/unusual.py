"""A customer against their own past and against peers, for trouble nobody labelled: what is rare, and how rare."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from detectors.calibration import base_rate_alone, calibrated, calibration_of
from detectors.detector import Detector, Examples, Model, Numbers, Probabilities, drawn
from detectors.issue import Issue

PEERS = 20_000           # customers at risk on past days whom everybody is held against
GRID = 1_000             # quantiles kept of them: nothing counts as rarer than one in so many
COUNTED = re.compile(r"^(?P<what>.+?)__?(?P<how>count|distinct_days)_(?P<days>\d+)d$")
WINDOWED = re.compile(r"(__?(count|distinct_days|sum|mean|trend|recency_days|last)(_\d+d|_days)?|_\d+d)$")
NOT_BEHAVIOUR = re.compile(r"(__is_.*|tenure_days)$")


@dataclass(frozen=True)
class Unusual(Model):
    """Each feature's quantiles among peers and those of its change against the customer's own past; one calibration.

    The surprise of a number is -ln of its smaller tail among peers, as in empirical-cumulative-distribution outlier
    detection (Li et al. 2022, ECOD); numbers about one subject count once, by the largest, and a customer's score is the
    length of their strongest subjects taken as a vector, so that one great surprise outweighs several small ones.
    """

    features: tuple[str, ...]
    strongest: int
    peers: NDArray[np.float64]           # (quantiles, features and changes)
    scores: NDArray[np.float64]          # quantiles of the peers' own scores
    calibration: Any                     # None where no trouble was labelled

    def score(self, numbers: Numbers) -> Probabilities:
        """Return how surprising each row is, in nats."""
        by_subject = np.zeros((len(numbers), len(self._subjects)))
        surprises = self.surprises(numbers)
        for place, columns in enumerate(self._subjects):
            by_subject[:, place] = surprises[:, columns].max(axis=1)
        top = min(self.strongest, by_subject.shape[1])
        return np.sqrt((np.partition(by_subject, -top, axis=1)[:, -top:] ** 2).sum(axis=1))

    def surprises(self, numbers: Numbers) -> Probabilities:
        """Return the surprise of each feature, the larger of against peers and against the customer's own past."""
        found, changed = np.zeros(numbers.shape), changes(self.features)
        for column in range(numbers.shape[1]):
            found[:, column] = surprise(self.peers[:, column], numbers[:, column])
        for place, change in enumerate(changed):
            of_change = surprise(self.peers[:, numbers.shape[1] + place], change.of(numbers))
            found[:, change.short] = np.maximum(found[:, change.short], of_change)
        return found

    def rank(self, numbers: Numbers) -> Probabilities:
        """Return the share of peers who are less unusual; a rank, no probability."""
        return np.searchsorted(self.scores, self.score(numbers), side="left") / len(self.scores)

    def probability(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return how often customers as unusual as each row were struck; the same for all where no trouble was labelled."""
        return calibrated(self.calibration, self.score(numbers))

    def moved_by(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return each feature's surprise."""
        return self.surprises(numbers)

    def parts(self) -> dict[str, Any]:
        """Return the quantiles and the calibration."""
        return {"strongest": self.strongest, "peers": self.peers, "scores": self.scores, "calibration": self.calibration}

    @property
    def _subjects(self) -> list[list[int]]:
        found: dict[str, list[int]] = {}
        for place, name in enumerate(self.features):
            found.setdefault(WINDOWED.sub("", name), []).append(place)
        return list(found.values())


class UnusualCustomers(Detector):
    """The kind of detector that needs no label to order customers.

    `of`: only features whose names begin so (all unless stated); `strongest`: how many subjects add up to a score.
    """

    name = "unusual"

    def __init__(self, of: tuple[str, ...] = (), strongest: Annotated[int, Field(ge=1, le=20)] = 3):  # noqa: D107
        self.of = of
        self.strongest = strongest

    def fit(self, issue: Issue, train: Examples, calibrate: Examples) -> Unusual:
        """Learn what is usual from `train`; how often the unusual are struck from all days, as it learns from no label."""
        at = [place for place, name in enumerate(train.features)
              if not NOT_BEHAVIOUR.search(name) and name.startswith(self.of or "")]  # fmt: skip
        features = tuple(train.features[place] for place in at)
        rows = drawn(np.arange(len(train.struck)), PEERS, train.weight)
        numbers = train.numbers[rows][:, at]
        columns = [*numbers.T, *(change.of(numbers) for change in changes(features))]
        peers = np.column_stack([_quantiles(column) for column in columns])
        blank = Unusual(features, self.strongest, peers, np.zeros(1), None)
        scores = _quantiles(blank.score(numbers))
        return Unusual(features, self.strongest, peers, scores, self._calibration(blank, at, (train, calibrate)))

    def _calibration(self, blank: Unusual, at: list[int], known: tuple[Examples, ...]) -> Any:
        score = np.concatenate([blank.score(e.numbers[:, at]) for e in known])
        struck, weight = (np.concatenate([getattr(e, name) for e in known]) for name in ("struck", "weight"))
        if not struck.any() or struck.all():
            return base_rate_alone(struck, weight)
        return calibration_of(score, struck, weight)

    def restore(self, features: tuple[str, ...], parts: dict[str, Any]) -> Unusual:
        """Return the model of stored parts."""
        kept = {name: parts[name] for name in ("strongest", "peers", "scores", "calibration")}
        return Unusual(features, **kept)


@dataclass(frozen=True)
class Change:
    """A count over a short window held against the same count over the longest one."""

    short: int
    long: int
    share: float                         # of the long window that the short one makes up

    def of(self, numbers: Numbers) -> Probabilities:
        """Return how many standard deviations the short count is off its share of the long one (binomial)."""
        short, long = (numbers[:, place].astype(np.float64) for place in (self.short, self.long))
        return (short - long * self.share) / np.sqrt(long * self.share * (1 - self.share) + 0.25)


def changes(features: tuple[str, ...]) -> list[Change]:
    """Pair each count with the same count over the longest window."""
    counts: dict[tuple[str, str], dict[int, int]] = {}
    for place, name in enumerate(features):
        found = COUNTED.match(name)
        if found:
            counts.setdefault((found["what"], found["how"]), {})[int(found["days"])] = place
    return [Change(places[days], places[max(places)], days / max(places))
            for places in counts.values() for days in sorted(places) if days < max(places)]  # fmt: skip


def surprise(quantiles: NDArray[np.float64], values: NDArray[Any]) -> Probabilities:
    """Return -ln of the smaller tail of each value among `quantiles`, half of it each side; 0 where missing or usual."""
    n = len(quantiles)
    below = np.searchsorted(quantiles, values, side="right") / n      # share at most as large
    above = 1 - np.searchsorted(quantiles, values, side="left") / n   # share at least as large
    tail = np.clip(2 * np.minimum(below, above), 2 / n, 1.0)
    return np.where(np.isnan(values), 0.0, -np.log(tail))


def _quantiles(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the sorted quantiles of the known values; of none, a column in which nothing is unusual."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.full(GRID, np.nan)
    return np.quantile(known.astype(np.float64), np.linspace(0, 1, GRID), method="inverted_cdf")


DETECTOR = UnusualCustomers()
