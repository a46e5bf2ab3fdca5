"""Is contacting first who is helped better than risk first? Judged on later weeks, by a rule that may be asked every week.

The learner is grown anew at weeks fixed beforehand and rules the weeks until the next; each of its weeks is new to it. Given
the weeks before, a week's gain of one ranking over the other is off the truth by nothing but that week's own draws and
outcomes, so the gains add up to a martingale, and a confidence sequence (loyalty.sequential) holds for all weeks at once: however
often the question is asked, a ranking that is no better is taken up at most once in twenty. A row is a contact unit, so
rows do not hang together. Where the bound is not above zero, risk first stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loyalty.moments import Codes, Numbers
from loyalty.sequential import stretch
from loyalty.targeting import SEED, Experience, learn, score

LEAST_UNITS = 2000          # of both arms together; with fewer, an effect by customer is out of reach
LEAST_OF_AN_ARM = 100       # on the weeks judged: fewer, and a handful of units would decide
FIRST_WEEKS, GROWTH = 8, 1.5  # weeks behind the first learner; then it is grown anew whenever they are half as many again
BOTH_SIDES = 0.9            # of the interval: either bound alone fails at most once in twenty, at all looks together
PLANNED_UNITS = 10_000      # judged, at which the interval is narrowest


@dataclass(frozen=True)
class Verdict:
    """How targeting did on later weeks beside ranking by risk, both contacting the same share of units.

    Values are what a unit of the cohort gains on average; `low` and `high` bound their difference, at all looks at once.
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
            return (f"who is helped is contacted first: on later weeks worth {self.difference:+.4g} a unit more than risk first "
                    f"(at least {self.low:+.4g}, safe at weekly looks)")  # fmt: skip
        return (f"risk first stays: on later weeks targeting was worth {self.difference:+.4g} a unit more "
                f"({self.low:+.4g} to {self.high:+.4g}, safe at weekly looks), which is not beyond noise")  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """Units of weeks new to the learner: gain of contacting each, its place in both rankings of its week, arm, week."""

    gain: Numbers
    by_benefit: Numbers
    by_risk: Numbers
    contact: np.ndarray
    week: Codes

    def until(self, week: int) -> Judged:
        """Return the units up to a week."""
        seen = self.week <= week
        return Judged(self.gain[seen], self.by_benefit[seen], self.by_risk[seen], self.contact[seen], self.week[seen])


def judge(past: Experience, *, share: float, cost: float = 0.0) -> Verdict | None:
    """Hold targeting against ranking by risk on the weeks its learners had not seen; None where there are too few to tell.

    Both contact the first `share` of each week, targeting only those whose expected effect is above `cost` (a contact's
    cost in the outcome's unit).
    """
    judged = walk(past, cost=cost)
    return None if judged is None else verdict(judged, share=share)


def walk(past: Experience, *, cost: float = 0.0) -> Judged | None:
    """Go through the weeks, learning from those before and judging those after; None with too little to learn from."""
    if len(past) < LEAST_UNITS:
        return None
    week = past.week - past.week.min()
    renewed = _renewals(int(week.max()))
    parts = []
    for first, end in zip(renewed, [*renewed[1:], int(week.max()) + 1], strict=True):
        before, here = past.of(week < first), past.of((week >= first) & (week < end))
        if min(before.contact.sum(), (~before.contact).sum()) < LEAST_OF_AN_ARM or not len(here):
            continue
        expected = learn(before)(here.known)
        ours = np.where(expected <= cost, 2.0, _standing(expected, here.week))  # never contacted: it would not pay
        parts.append((score(here, before) - cost, ours, _standing(here.risk, here.week), here.contact, here.week))
    if not parts:
        return None
    return Judged(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def verdict(judged: Judged, *, share: float) -> Verdict | None:
    """Compare the rankings on the units judged so far; None while either arm has too few of them."""
    if min(judged.contact.sum(), (~judged.contact).sum()) < LEAST_OF_AN_ARM:
        return None
    gain, n = judged.gain, len(judged.gain)
    ours, theirs = (np.where(standing < share, gain, 0.0) for standing in (judged.by_benefit, judged.by_risk))
    apart = ours - theirs
    width = float(stretch(np.asarray(n / PLANNED_UNITS), BOTH_SIDES)) * float(apart.std(ddof=1)) / np.sqrt(n)
    shares = np.linspace(0, 1, 21)

    def gained(standing: Numbers, most: float) -> float:
        return float(np.where(standing < most, gain, 0.0).mean())

    curve = tuple((float(most), gained(judged.by_benefit, most), gained(judged.by_risk, most)) for most in shares)
    qini = [float(np.trapezoid([point[at] for point in curve], shares) - gain.mean() / 2) for at in (1, 2)]
    difference = float(apart.mean())
    return Verdict(n, share, float(ours.mean()), float(theirs.mean()), difference, difference - width, difference + width,
                   qini[0], qini[1], curve)  # fmt: skip


def _renewals(last: int) -> list[int]:
    """Return the weeks, counted from the first, at which the learner is grown anew; nothing seen ever moves them."""
    weeks, at = [], float(FIRST_WEEKS)
    while round(at) <= last:
        weeks.append(round(at))
        at *= GROWTH
    return weeks


def _standing(values: Numbers, week: Codes) -> Numbers:
    """Return each value's place from the top of its week, 0 to just below 1; ties in the order of a shuffle of the week's own."""
    place = np.empty(len(values))
    for each in np.unique(week):
        here = np.flatnonzero(week == each)
        order = np.lexsort((np.random.default_rng([SEED, int(each)]).random(len(here)), -values[here]))
        place[here[order]] = np.arange(len(here)) / len(here)
    return place
