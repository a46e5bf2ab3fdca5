"""A date that is known beforehand: a card expires, a quota runs out, a contract ends; it learns how often that hurts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.errors import ConfigError
from detectors.cases import NOWHERE, Cases, Cells, counted, restored, unknown
from detectors.detector import Detector, Examples, Model, Numbers, Probabilities
from detectors.issue import Issue

BANDS = 3  # of the days left, each with its own past cases
FORMS = ({"left"}, {"since", "after_days"}, {"amount", "pace", "pace_days"})


@dataclass(frozen=True)
class Calendar:
    """How many days are left until the date, from features.

    `left` counts them itself; `since` counts from an event that comes `after_days` before the date; an `amount` left is
    used up at the `pace` of `pace_days` days. A newer event `unless_since` has put the date off.
    """

    left: str | None
    since: str | None
    after_days: float | None
    amount: str | None
    pace: str | None
    pace_days: float | None
    unless_since: str | None

    @property
    def features(self) -> tuple[str, ...]:
        """The features it looks at."""
        named = (self.left, self.since, self.amount, self.pace, self.unless_since)
        return tuple(dict.fromkeys(name for name in named if name))

    def days_left(self, numbers: Numbers) -> NDArray[np.float64]:
        """Return the days left by row, NaN where no date is known or it was put off."""
        column = {name: numbers[:, place].astype(np.float64) for place, name in enumerate(self.features)}
        if self.left:
            days = column[self.left]
        elif self.since:
            days = float(self.after_days or 0) - column[self.since]
        else:
            a_day = column[str(self.pace)] / float(self.pace_days or 1)
            days = np.divide(column[str(self.amount)], a_day, out=np.full(len(numbers), np.nan), where=a_day > 0)
        if self.unless_since and self.since:
            days = np.where(column[self.unless_since] <= column[self.since], np.nan, days)
        return days


@dataclass(frozen=True)
class KnownDate(Model):
    """The calendar, how far ahead it speaks, how often trouble came, and how long after the date."""

    features: tuple[str, ...]
    calendar: Calendar
    within_days: float
    cases: Cases
    delay_days: float
    reason: str = ""

    def cells(self, numbers: Numbers) -> Cells:
        """Return the band of days left of each row, or nowhere."""
        days = self.calendar.days_left(numbers)
        inside = (days >= 0) & (days <= self.within_days)
        band = np.nan_to_num(days / max(self.within_days, 1e-9) * BANDS).astype(np.int64)
        return np.where(inside, np.clip(band, 0, BANDS - 1), NOWHERE)

    def probability(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return how often trouble followed with so many days left."""
        return self.cases.probability(self.cells(numbers))

    def speaks_of(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Return where a date lies ahead, within reach."""
        return self.cells(numbers) != NOWHERE

    def moved_by(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return 1 for the features of the calendar: the date needs them all."""
        return np.ones(numbers.shape)

    def days_until(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return the days until the date, and as many more as trouble usually took."""
        return np.maximum(self.calendar.days_left(numbers) + self.delay_days, 0.0)

    def said(self, customer: Mapping[str, Any]) -> list[str]:
        """Return the words of the file with the days left."""
        row = np.array([[np.nan if customer[name] is None else customer[name] for name in self.features]], dtype=np.float32)
        days = float(self.calendar.days_left(row)[0])
        left = "today" if days < 1 else "tomorrow" if days < 2 else f"in {days:.0f} days"
        return [f"{self.reason or 'A known date comes up'}: {left}"]

    @property
    def proven(self) -> bool:
        """Whether the date came up often enough to know how often it hurts."""
        return self.cases.proven

    def parts(self) -> dict[str, Any]:
        """Return plain values."""
        return {"calendar": dict(vars(self.calendar)), "within_days": self.within_days, "cases": self.cases.parts(),
                "delay_days": self.delay_days, "reason": self.reason}  # fmt: skip


class KnownDates(Detector):
    """The kind of detector that reads a calendar. One of `left`; `since` with `after_days`; `amount`, `pace`, `pace_days`.

    `within_days`: how far ahead it speaks (the issue's gap and horizon, unless stated); `reason`: what the date is.
    """

    name = "known_date"
    learns = False

    def __init__(  # noqa: D107
        self, left: str | None = None, since: str | None = None, after_days: Annotated[float | None, Field(gt=0)] = None,
        amount: str | None = None, pace: str | None = None, pace_days: Annotated[float | None, Field(gt=0)] = None,
        unless_since: str | None = None, within_days: Annotated[float | None, Field(gt=0)] = None, reason: str = "",
    ):  # fmt: skip
        self.left = left
        self.since = since
        self.after_days = after_days
        self.amount = amount
        self.pace = pace
        self.pace_days = pace_days
        self.unless_since = unless_since
        self.within_days = within_days
        self.reason = reason

    def check(self, where: str, issue: Issue) -> None:
        """Refuse anything but one way to know the date."""
        given = {name for form in FORMS for name in form if getattr(self, name) is not None}
        if given not in FORMS:
            forms = "; ".join(" with ".join(sorted(form)) for form in FORMS)
            raise ConfigError(f"{where}: got {', '.join(sorted(given)) or 'nothing'}. Give exactly one of: {forms}.")
        if self.unless_since and not self.since:
            raise ConfigError(f"{where}.unless_since: got {self.unless_since!r} without since. Only a date that an event "
                              "announces can be put off by another.")  # fmt: skip

    def looks_at(self) -> dict[str, tuple[str, ...]]:
        """Return the features of the calendar, by parameter."""
        named = {key: getattr(self, key) for key in ("left", "since", "amount", "pace", "unless_since")}
        return {key: (feature,) for key, feature in named.items() if feature}

    def fit(self, issue: Issue, train: Examples, calibrate: Examples) -> KnownDate:
        """Return the calendar with how often, and how late, trouble came on all past days."""
        model = self.untrained(issue)
        at = [train.features.index(name) for name in model.features]
        seen = [(model.cells(e.numbers[:, at]), e) for e in (train, calibrate)]
        late = [(e.lag_days - model.calendar.days_left(e.numbers[:, at]))[(cells != NOWHERE) & e.struck] for cells, e in seen]
        delays = np.concatenate(late)
        delay = round(float(np.median(delays)), 2) if len(delays) else 0.0
        return KnownDate(model.features, model.calendar, model.within_days, counted(seen, BANDS), delay, self.reason)

    def untrained(self, issue: Issue) -> KnownDate:
        """Return the calendar as it stands in the file."""
        calendar = Calendar(self.left, self.since, self.after_days, self.amount, self.pace, self.pace_days, self.unless_since)
        within = self.within_days or issue.gap_days + issue.horizon_days
        return KnownDate(calendar.features, calendar, float(within), unknown(BANDS), 0.0, self.reason)

    def restore(self, features: tuple[str, ...], parts: dict[str, Any]) -> KnownDate:
        """Return the model of stored parts."""
        kept = {name: parts[name] for name in ("within_days", "delay_days", "reason")}
        return KnownDate(features, Calendar(**parts["calendar"]), cases=restored(parts["cases"]), **kept)


DETECTOR = KnownDates()
