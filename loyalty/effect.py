"""The effect of contacting on an outcome: both arms' moments in; means, interval, p and power out.

Within a stratum (units drawn with one stored share of hold out) the effect is the difference of the arms' means after the
variance cut (CUPED, Deng et al. 2013; several covariates: CUPAC), its variance Welch's. A ratio is linearised in each arm
(delta method). Over strata: effect = sum w_s d_s and variance = sum w_s^2 v_s (Imbens and Rubin 2015, ch. 9) with w_s in
proportion to n_s p_s (1 - p_s), p_s the stored share: overlap weights (Li, Morgan and Zaslavsky 2018). They are known before
any outcome, tell most where both arms are large, and keep what was proven at one half from drowning in months that hold out
two in a hundred. Degrees of freedom after Satterthwaite (1946). One stratum gives exactly what tea-tasting's `Mean` and
`RatioOfMeans` give. Any number of experiments goes at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from loyalty import skew
from loyalty.moments import Moments, Numbers
from loyalty.variance_cut import PLAIN, Shape, VarianceCut

Flags = np.ndarray[Any, np.dtype[np.bool_]]
ARMS = ("contact", "hold_out")
CONFIDENCE = 0.95
POWER = 0.8
LEANING_AT_MOST = 10.0
LEAST_UNITS = 30            # fewer: not read
LEAST_EXPECTED = 10         # units a stratum's smaller arm is expected to hold: n * min(share, 1 - share)


@dataclass(frozen=True)
class Effects:
    """One figure an experiment in each field; `contact` and `hold_out` means are after the variance cut, `raw` before."""

    n: Numbers              # (..., 2) units compared, contact and hold out
    means: Numbers          # (..., 2)
    raw: Numbers            # (..., 2)
    effect: Numbers
    se: Numbers
    df: Numbers
    low: Numbers
    high: Numbers
    p_value: Numbers
    smallest_seen: Numbers
    sd: Numbers             # of the outcome as it is, both arms together
    skewness: Numbers       # of the outcome after the variance cut, both arms together
    lean: Numbers           # skewness of the difference of means (loyalty.skew.leaning)
    units: Numbers          # compared, both arms
    worth: Numbers          # as many units of the stratum whose share tells most would tell as much
    everybody: Numbers      # drawn, both arms
    strata: Numbers
    comparable: Flags       # whether any stratum has two arms by design

    @property
    def too_few(self) -> Flags:
        """Whether there are fewer units than a reading needs."""
        return np.asarray(self.units < LEAST_UNITS)

    @property
    def too_skewed(self) -> Flags:
        """Whether a few unusual values would decide the reading; told from both arms together and the stored shares."""
        weight = self.skewness**2 / np.maximum(self.worth, 1)
        with np.errstate(invalid="ignore"):
            return np.asarray((np.abs(self.lean) > skew.MOST_LEANING) | (weight > skew.MOST_WEIGHT) | (self.sd == 0))

    @property
    def readable(self) -> Flags:
        """Whether the figures may be shown."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.comparable & ~self.too_few & ~self.too_skewed & (self.se > 0))


def compare(moments: Moments, share: Numbers, shape: Shape = PLAIN) -> Effects:
    """Return the effects of experiments whose moments have the axes (..., stratum, arm), contact first.

    `share` (..., stratum) is the share of hold out each stratum was drawn with; strata without units, or too thin, weigh
    nothing. Figures of an experiment that `readable` denies are there all the same, and mean nothing.
    """
    total = moments.merged()
    usable = _usable(moments, total, share)
    units = np.where(usable, total.n, 0.0)
    weight, worth = overlap(units, share)
    cut = VarianceCut.of(moments, total, shape)
    variance = np.where(usable[..., None], cut.variance, 0.0) / np.maximum(moments.n, 1)
    parts = weight[..., None] ** 2 * variance
    means = _weighed(weight, cut.adjusted, usable)
    with np.errstate(divide="ignore", invalid="ignore"):
        fourth = (np.where(usable[..., None], parts**2 / (moments.n - 1), 0.0)).sum(axis=(-1, -2))
        df = parts.sum(axis=(-1, -2)) ** 2 / fourth
        se = np.sqrt(parts.sum(axis=(-1, -2)))
    skewness, lean = _skewness(cut, total, units, weight, share)
    effect = means[..., 0] - means[..., 1]
    return Effects(
        n=np.where(usable[..., None], moments.n, 0.0).sum(axis=-2), means=means, raw=_weighed(weight, cut.raw, usable),
        effect=effect, se=se, df=df, **_inference(effect, se, df, lean), sd=_spread(cut, total, usable), skewness=skewness,
        lean=lean, units=units.sum(axis=-1), worth=worth, everybody=total.n.sum(axis=-1), strata=usable.sum(axis=-1),
        comparable=np.asarray(((share > 0) & (share < 1) & (total.n > 0)).any(axis=-1)),
    )  # fmt: skip


def overlap(n: Numbers, share: Numbers) -> tuple[Numbers, Numbers]:
    """Return the strata's weights, which add up to one, and how many units of the most telling stratum all are worth.

    `n` (..., stratum) units were drawn with `share` (..., stratum) held out; a stratum without units weighs nothing.
    """
    spread = np.where(n > 0, share * (1 - share), 0.0)
    told = n * spread
    total = told.sum(axis=-1)
    return told / np.where(total > 0, total, 1.0)[..., None], total / np.where(total > 0, spread.max(axis=-1, initial=0.0), 1.0)


def power_to_see(effect: Numbers | float, se: Numbers, df: Numbers) -> Numbers:
    """Return the chance that a two-sided test at 5 % finds a true `effect` (shifted t; within 0.01 of the noncentral)."""
    from scipy.special import stdtr, stdtrit

    critical = stdtrit(df, (1 + CONFIDENCE) / 2)
    shift = np.abs(effect) / se
    return np.asarray(stdtr(df, shift - critical) + stdtr(df, -shift - critical))


def power_of_interval(effect: float, low: float, high: float, n: int) -> float:
    """Return the power that a reading of `n` units in all, with this 95 % interval, had to see a true `effect`."""
    from scipy.special import stdtrit

    df = np.array([n - 2.0])
    return float(power_to_see(effect, (high - low) / 2 / stdtrit(df, (1 + CONFIDENCE) / 2), df)[0])


def _usable(moments: Moments, total: Moments, share: Numbers) -> Flags:
    """Tell which strata can be compared: by their expected smaller arm, and both arms with spread to speak of."""
    expected = total.n * np.minimum(share, 1 - share)
    return np.asarray((expected >= LEAST_EXPECTED - 1e-9) & (moments.n >= 2).all(axis=-1))


def _weighed(weight: Numbers, values: Numbers, usable: Flags) -> Numbers:
    return np.asarray((weight[..., None] * np.where(usable[..., None], values, 0.0)).sum(axis=-2))


def _spread(cut: VarianceCut, total: Moments, usable: Flags) -> Numbers:
    """Return the outcome's standard deviation over all strata, differences between strata included."""
    n = np.where(usable, total.n, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        centres = np.where(usable, np.einsum("...sa,...sa->...s", cut.outcome, total.mean), 0.0)
        squares = np.where(usable, total.along(cut.outcome)[0], 0.0).sum(axis=-1)
        centre = (n * centres).sum(axis=-1) / n.sum(axis=-1)
        between = (n * (centres - centre[..., None]) ** 2).sum(axis=-1)
        return np.sqrt((squares + between) / np.maximum(n.sum(axis=-1) - 1, 1))


def _skewness(
    cut: VarianceCut, total: Moments, n: Numbers, weight: Numbers, share: Numbers
) -> tuple[Numbers, Numbers]:  # fmt: skip
    """Return the skewness of what is compared and how the difference leans, from both arms together and expected sizes."""
    squares, cubes = total.along(cut.residual)
    used = n > 0
    share = np.where(used, np.clip(share, 1e-9, 1 - 1e-9), 0.5)
    size = np.where(used, n, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(used, squares / size, 0.0)
        third = np.where(used, cubes / size, 0.0)
        skewness = (weight * third).sum(axis=-1) / (weight * variance).sum(axis=-1) ** 1.5
        contact, hold_out = size * (1 - share), size * share
        cubed = (weight**3 * third * (contact**-2.0 - hold_out**-2.0)).sum(axis=-1)
        squared = (weight**2 * variance * (1 / contact + 1 / hold_out)).sum(axis=-1)
        most = np.sqrt(np.maximum(n.sum(axis=-1), 1))  # no sample is more skewed; rounding alone might seem so
        lean = np.nan_to_num(cubed / squared**1.5)
        return np.clip(np.nan_to_num(skewness), -most, most), np.clip(lean, -LEANING_AT_MOST, LEANING_AT_MOST)


def _inference(effect: Numbers, se: Numbers, df: Numbers, lean: Numbers) -> dict[str, Numbers]:
    """Return Welch's interval and p, with the leaning taken out where there is any to speak of."""
    from scipy.special import stdtr, stdtrit

    critical = stdtrit(df, (1 + CONFIDENCE) / 2)
    lean = np.where(np.abs(lean) < skew.SMALL, 0.0, lean)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = skew.transform(effect / se, lean)
        return {
            "low": effect - skew.back(critical, lean) * se, "high": effect - skew.back(-critical, lean) * se,
            "p_value": 2 * stdtr(df, -np.abs(t)), "smallest_seen": (critical + stdtrit(df, POWER)) * se,
        }  # fmt: skip
