"""The surrogate index: what the first month says about a later horizon, learned from months that have reached it.

E[later outcome | first month] is fitted on mature units of both arms; the forecast is the difference of its means between
the arms of younger units (Athey, Chetty, Imbens and Kang 2019). It holds only if the contact works through what the first
month shows, so that is checked where the truth is known: on each mature month, with an index fitted on the others, what
the index leaves over must not differ between the arms. Where it does (fade-out, delayed harm) there is no forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loyalty.effect import CONFIDENCE, overlap
from loyalty.moments import Codes, Numbers

LEAST_MONTHS = 6
DOUBT = 0.1                 # a check with a smaller p fails; stricter than 0.05, as a wrong forecast costs more than none
LEAST_EXPLAINED = 0.01      # share of the later outcome's variance that the first month must explain


@dataclass(frozen=True)
class Cohort:
    """Units of both arms: what their first month shows (n, k), the arm, the stored share of hold out, the month."""

    first: Numbers
    contact: np.ndarray
    share: Numbers
    month: Codes

    def __len__(self) -> int:
        """How many units."""
        return len(self.contact)

    def of(self, chosen: np.ndarray) -> Cohort:
        """Return some of the units."""
        return Cohort(self.first[chosen], self.contact[chosen], self.share[chosen], self.month[chosen])


@dataclass(frozen=True)
class Index:
    """A fitted index: how the first month's figures are laid out, the coefficients, and their covariance."""

    centre: Numbers
    scale: Numbers
    pairs: tuple[tuple[int, int], ...]   # figures multiplied by each other, or by themselves
    coefficients: Numbers
    covariance: Numbers
    explained: float        # R squared on the units it was fitted on

    def features(self, first: Numbers) -> Numbers:
        """Return the design matrix (n, p), a one first; amounts enter by their logarithm, so that no giant decides."""
        z = (_damped(first) - self.centre) / self.scale
        return np.column_stack([np.ones(len(z)), z, *(z[:, a] * z[:, b] for a, b in self.pairs)])

    def __call__(self, first: Numbers) -> Numbers:
        """Return the expected later outcome of each unit."""
        return np.asarray(self.features(first) @ self.coefficients)


@dataclass(frozen=True)
class Check:
    """Whether the index stands on mature months: what it leaves over between the arms, its p, and over how many months."""

    months: int
    left_over: float
    se: float
    p_value: float
    explained: float

    @property
    def why_not(self) -> str | None:
        """Say why there is no forecast, or nothing."""
        if self.months < LEAST_MONTHS:
            return f"too early: {self.months} months of assignment have reached this horizon, {LEAST_MONTHS} are needed"
        if self.explained < LEAST_EXPLAINED:
            return f"withheld: the first month explains {self.explained:.1%} of the later outcome, {LEAST_EXPLAINED:.0%} are needed"
        if self.p_value < DOUBT:
            chance = "p below 0.001" if self.p_value < 0.001 else f"p {self.p_value:.3f}"
            return (f"withheld: on {self.months} months that are over, what the first month foretold and what came differ by "
                    f"{abs(self.left_over):.2g} a customer ({chance}), so it does not carry the effect alone")  # fmt: skip
        return None


@dataclass(frozen=True)
class Forecast:
    """A forecast effect with its 95 % interval."""

    effect: float
    se: float
    low: float
    high: float


def fit(first: Numbers, later: Numbers) -> Index:
    """Fit the index by least squares, its covariance robust to unequal spread (HC1)."""
    damped = _damped(first)
    centre, scale = damped.mean(axis=0), damped.std(axis=0)
    k = len(scale)
    pairs = tuple((a, b) for a in range(k) for b in range(a, k) if a != b or not _is_yes_or_no(first[:, a]))
    index = Index(centre, np.where(scale > 0, scale, 1.0), pairs, np.zeros(0), np.zeros((0, 0)), 0.0)
    x = index.features(first)
    inverse = np.linalg.pinv(x.T @ x, hermitian=True)
    coefficients = inverse @ (x.T @ later)
    residual = later - x @ coefficients
    n, p = x.shape
    middle = (x * residual[:, None] ** 2).T @ x
    covariance = inverse @ middle @ inverse * n / max(n - p, 1)
    spread = float(((later - later.mean()) ** 2).sum())
    explained = 1 - float((residual**2).sum()) / spread if spread > 0 else 0.0
    return Index(centre, index.scale, pairs, coefficients, covariance, explained)


def check(mature: Cohort, later: Numbers) -> Check:
    """Hold the index against months it was not fitted on: the arms' difference in what it leaves over, all months pooled."""
    months = np.unique(mature.month)
    if len(months) < LEAST_MONTHS:
        return Check(len(months), np.nan, np.nan, 1.0, 0.0)
    left, fitted = np.empty(len(later)), np.empty(len(later))
    for month in months:
        here = mature.month == month
        fitted[here] = fit(mature.first[~here], later[~here])(mature.first[here])
        left[here] = later[here] - fitted[here]
    explained = 1 - float((left**2).sum()) / max(float(((later - later.mean()) ** 2).sum()), 1e-300)
    difference, se = stratified(left, mature)
    return Check(len(months), difference, se, _p(difference, se), explained)


def forecast(index: Index, young: Cohort) -> Forecast:
    """Return the arms' difference in the index among units that have not reached the horizon.

    Its variance is that of the young units' index (Welch, by stratum) and that of the index itself, g' V g with g the
    arms' difference in the features' means.
    """
    x = index.features(young.first)
    effect, sampled = stratified(x @ index.coefficients, young)
    apart = np.array([stratified(column, young)[0] for column in x.T])
    se = float(np.sqrt(sampled**2 + apart @ index.covariance @ apart))
    width = _critical() * se
    return Forecast(effect, se, effect - width, effect + width)


def stratified(values: Numbers, cohort: Cohort) -> tuple[float, float]:
    """Return contact minus hold out and its standard error, over strata of equal stored share, weighed as readings are."""
    effect = variance = 0.0
    strata = [cohort.share == share for share in np.unique(cohort.share)]
    usable = [here for here in strata if min(cohort.contact[here].sum(), (~cohort.contact[here]).sum()) >= 2]
    weights, _ = overlap(np.array([here.sum() for here in usable]), np.array([cohort.share[here][0] for here in usable]))
    for here, weight in zip(usable, weights, strict=True):
        arms: Sequence[Numbers] = (values[here & cohort.contact], values[here & ~cohort.contact])
        effect += weight * float(arms[0].mean() - arms[1].mean())
        variance += weight**2 * sum(float(arm.var(ddof=1)) / len(arm) for arm in arms)
    return effect, float(np.sqrt(variance)) if usable else np.nan


def _damped(first: Numbers) -> Numbers:
    return np.asarray(np.sign(first) * np.log1p(np.abs(first)))


def _is_yes_or_no(column: Numbers) -> bool:
    return bool(np.isin(column, (0.0, 1.0)).all())


def _critical() -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + CONFIDENCE) / 2))


def _p(difference: float, se: float) -> float:
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(difference) / se)) if se > 0 else 1.0
