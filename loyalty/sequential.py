"""Safe to look every day: a p value and an interval that hold at every look at once, and a sample ratio test that does too.

The interval is an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, Ann. Statist. 52):
a normal mixture, tuned to be narrowest at a number of units named beforehand. The sample ratio test is Lindon and Malek's
(2022, "Anytime-valid inference for multinomial count data"): a Dirichlet mixture of multinomial likelihoods.
"""

from typing import Any

import numpy as np

from loyalty.effect import CONFIDENCE

Numbers = np.ndarray[Any, np.dtype[np.float64]]
WIDEST = 1.6                # at the planned number of units, times the interval of a single look
PRIOR_UNITS = 100.0         # how firmly the sample ratio's alternative stands around the stored share
ALARM = 0.01                # a sample ratio p below this is an alarm


def tuning(confidence: float = CONFIDENCE) -> float:
    """Return the mixture's weight at the planned number of units that makes the interval narrowest there."""
    tail = -2 * np.log(1 - confidence)
    return float(tail + np.log(tail + 1))


def stretch(fraction: Numbers, confidence: float = CONFIDENCE) -> Numbers:
    """Return how many standard errors half the interval is, once `fraction` of the planned units are there."""
    x = tuning(confidence) * np.maximum(fraction, 1e-9)
    return np.asarray(np.sqrt((1 + 1 / x) * (np.log1p(x) - 2 * np.log(1 - confidence))))


def always_p(z: Numbers, fraction: Numbers, confidence: float = CONFIDENCE) -> Numbers:
    """Return the p value that may be looked at daily: below 1 - confidence when the interval leaves out zero."""
    x = tuning(confidence) * np.maximum(fraction, 1e-9)
    return np.asarray(np.minimum(1.0, np.exp(np.log1p(x) / 2 - z**2 * x / (1 + x) / 2)))


def sample_ratio_always_p(n: Numbers, share: Numbers) -> Numbers:
    """Return the p, valid at every look, that arms of sizes `n` (..., stratum, 2) were drawn with `share` (..., stratum) held out.

    One over the Bayes factor of Beta-distributed shares around the stored one against the stored one itself, multiplied over
    strata; strata in which nobody could be held out, or all were, say nothing.
    """
    from scipy.special import betaln

    drawn = (share > 0) & (share < 1)
    safe = np.where(drawn, share, 0.5)
    contact, hold_out = (1 - safe) * PRIOR_UNITS, safe * PRIOR_UNITS
    marginal = betaln(contact + n[..., 0], hold_out + n[..., 1]) - betaln(contact, hold_out)
    stored = n[..., 0] * np.log1p(-safe) + n[..., 1] * np.log(safe)
    factor = np.where(drawn, marginal - stored, 0.0).sum(axis=-1)
    return np.asarray(np.exp(-np.maximum(factor, 0.0)))
