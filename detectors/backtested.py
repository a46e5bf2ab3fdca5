"""What a backtest found: how well every contender ordered the customers, and what the flags would have been worth.

Orders and probabilities are judged on every customer at risk on every test day, with intervals that resample contact
units. Flags are judged by episode: each trouble counts once, however many days saw it coming, by the first flag before it.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.bootstrap import area_under_curve, calibration_line, difference, interval
from detectors.detector import Probabilities
from detectors.evaluate import average_precision, brier_skill, brier_skill_interval
from detectors.issue import Issue
from detectors.rivals import SIMPLE

OURS = "this detector"
EARLY_DAYS = (1, 7)


@dataclass(frozen=True)
class Flagged:
    """A flag that would have been opened."""

    customer_id: str
    day: date
    probability: float


@dataclass(frozen=True)
class Rows:
    """Customers at risk on test days, what happened to them, and each contender's score."""

    customer: NDArray[Any]
    day: NDArray[np.int64]                 # which of the test days
    unit: NDArray[np.int64]
    struck: NDArray[np.bool_]
    lag_days: Probabilities                # from the day to the strike, NaN where none
    scores: dict[str, Probabilities]

    @classmethod
    def joined(cls, parts: list["Rows"]) -> "Rows":
        """Return the rows of several days as one."""
        columns = {name: np.concatenate([getattr(part, name) for part in parts])
                   for name in ("customer", "day", "unit", "struck", "lag_days")}  # fmt: skip
        return cls(**columns, scores={name: np.concatenate([part.scores[name] for part in parts]) for name in parts[0].scores})

    @property
    def weight(self) -> Probabilities:
        """One for everybody: the past is replayed, not sampled."""
        return np.ones(len(self.struck))


@dataclass(frozen=True)
class Backtested:
    """One issue's replayed past."""

    issue: Issue
    train_to: date
    test: tuple[date, ...]
    trained: list[dict[str, Any]]
    rows: Rows
    flags: list[Flagged]
    flag_at: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return everything that is reported, as plain values."""
        rows = self.rows
        return {
            "issue": self.issue.name, "train_to": str(self.train_to), "test": [str(day) for day in self.test],
            "trained": [{k: fact.get(k) for k in ("detector", "state", "why")} for fact in self.trained],
            "customer_days": len(rows.struck), "struck": int(rows.struck.sum()),
            "base_rate": _round(float(rows.struck.mean()) if len(rows.struck) else 0.0), "episodes": len(self._episodes(rows.struck)),
            "flag_at": _round(self.flag_at),
            "contenders": [self.contender(name) for name in rows.scores],
            "against": self.against(), "probabilities": self.probabilities(), "flags": self.flagged(),
        }  # fmt: skip

    def contender(self, name: str) -> dict[str, Any]:
        """Return how well one contender orders the customers, over all, and among as many as capacity allows."""
        rows, score = self.rows, self.rows.scores[name]
        low, high = interval(average_precision, rows.struck, score, rows.weight, rows.unit)
        auc = interval(area_under_curve, rows.struck, score, rows.weight, rows.unit)
        return {"name": name, "average_precision": _all(average_precision(rows.struck, score, rows.weight), low, high),
                "auc": _all(area_under_curve(rows.struck, score, rows.weight), *auc), **self._at_capacity(score)}  # fmt: skip

    def against(self) -> list[dict[str, Any]]:
        """Return by how much this detector's average precision beats each other contender's, on the same resamples."""
        rows, found = self.rows, []
        for name in rows.scores if OURS in rows.scores else ():
            if name != OURS:
                both = (rows.scores[OURS], rows.scores[name])
                found.append({"name": name, "difference": _all(*difference(average_precision, rows.struck, both, rows.weight, rows.unit))})
        return found

    def probabilities(self) -> dict[str, Any] | None:
        """Return Brier skill and calibration of this detector's probabilities; None where it has none."""
        rows = self.rows
        if OURS not in rows.scores or not len(rows.struck):
            return None
        p = rows.scores[OURS]
        line = calibration_line(rows.struck, p, rows.weight, rows.unit)
        skill = brier_skill_interval(rows.struck, p, rows.weight, rows.unit)
        return {"brier_skill": _all(brier_skill(rows.struck, p, rows.weight), *skill),
                "calibration_slope": line and _all(*line["slope"]), "calibration_intercept": line and _all(*line["intercept"]),
                "mean": _round(float(p.mean()))}  # fmt: skip

    def flagged(self) -> dict[str, Any]:
        """Return what came of the flags: precision, recall by episode, observed over expected, lead time, stability."""
        hit, lag = self._outcomes(self.flags)
        expected = float(sum(flag.probability for flag in self.flags))
        leads = lag[hit]
        return {
            "flags": len(self.flags), "struck": int(hit.sum()),
            "precision": _round(float(hit.mean()) if len(hit) else None),
            "recall": _round(self._recall(self.flags)),
            "observed_over_expected": _round(float(hit.sum()) / expected if expected else None),
            "lead_days": [_round(float(q)) for q in np.quantile(leads, [0.25, 0.5, 0.75])] if len(leads) else None,
            **{f"share_{days}d_ahead": _round(float((leads >= days).mean()) if len(leads) else None) for days in EARLY_DAYS},
            "stability": _round(self._stability()),
        }  # fmt: skip

    def leads(self) -> Probabilities:
        """Return how many days before the trouble each flag that came true was opened."""
        hit, lag = self._outcomes(self.flags)
        return lag[hit]

    # ------------------------------------------------------------------------------------------------ by episode

    def _at_capacity(self, score: Probabilities) -> dict[str, Any]:
        """Return precision and recall when the capacity of every day is used up by this order."""
        flags = self.first_flags(score)
        hit, lag = self._outcomes(flags)
        return {"precision_at_capacity": _round(float(hit.mean()) if len(hit) else None),
                "recall_at_capacity": _round(self._recall(flags)),
                "lead_days": _round(float(np.median(lag[hit])) if hit.any() else None)}  # fmt: skip

    def first_flags(self, score: Probabilities) -> list[Flagged]:
        """Return whom an order would flag: each day the first, as many as capacity allows, who are not flagged already."""
        until: dict[str, date] = {}
        found: list[Flagged] = []
        for number, day in enumerate(self.test):
            mine = np.flatnonzero(self.rows.day == number)
            free = mine[[until.get(name, day) <= day for name in self.rows.customer[mine]]] if len(mine) else mine
            since = (day - self.test[number - 1]).days if number else 7
            order = free[np.lexsort((self.rows.customer[free], -score[free]))][: round(self.issue.capacity * since)]
            for place in order:
                name = self.rows.customer[place]
                until[name] = day + timedelta(days=self.issue.lifetime_days)
                found.append(Flagged(name, day, float(score[place])))
        return found

    def _outcomes(self, flags: list[Flagged]) -> tuple[NDArray[np.bool_], Probabilities]:
        """Return for each flag whether the trouble struck in its window, and after how many days."""
        place = self._places
        at = np.array([place[flag.customer_id, flag.day] for flag in flags], dtype=np.int64)
        return self.rows.struck[at], self.rows.lag_days[at]

    def _recall(self, flags: list[Flagged]) -> float | None:
        """Return the share of the episodes that a test day could see coming which a flag announced."""
        every = self._episodes(self.rows.struck)
        place = self._places
        mine = np.zeros(len(self.rows.struck), dtype=bool)
        mine[[place[flag.customer_id, flag.day] for flag in flags]] = True
        return len(self._episodes(mine & self.rows.struck)) / len(every) if every else None

    def _episodes(self, among: NDArray[np.bool_]) -> set[tuple[str, float]]:
        """Return the distinct troubles behind rows: a customer and the minute in which it struck."""
        start = np.array([day.toordinal() for day in self.test])[self.rows.day[among]]
        minute = np.round((start + self.rows.lag_days[among]) * 1440)
        return set(zip(self.rows.customer[among].tolist(), minute.tolist(), strict=True))

    @property
    def _places(self) -> dict[tuple[str, date], int]:
        return {(name, self.test[day]): n for n, (name, day) in enumerate(zip(self.rows.customer, self.rows.day, strict=True))}

    def _stability(self) -> float | None:
        """Return how much of the set above the level is the same on the next test day, among those at risk on both."""
        if OURS not in self.rows.scores or self.flag_at is None:
            return None
        shares = []
        for number in range(len(self.test) - 1):
            first, second = (self._above(number + step) for step in (0, 1))
            both = first.keys() & second.keys()
            here, there = ({name for name in both if side[name]} for side in (first, second))
            if here | there:
                shares.append(len(here & there) / len(here | there))
        return float(np.mean(shares)) if shares else None

    def _above(self, number: int) -> dict[str, bool]:
        mine = self.rows.day == number
        return dict(zip(self.rows.customer[mine], self.rows.scores[OURS][mine] >= (self.flag_at or 0), strict=True))


def best_simple(found: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the simple contender of greatest average precision."""
    simple = [one for one in found if one["name"] in SIMPLE]
    return max(simple, key=lambda one: one["average_precision"][0]) if simple else None


def _all(*values: float) -> list[float | None]:
    return [_round(value) for value in values]


def _round(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), 4)

