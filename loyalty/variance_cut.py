"""The variance cut: what was known before the draw takes out of an outcome what it explains (CUPED, CUPAC), ratios linearised.

Fitted on both arms together, applied to each; with no covariates it is the outcome itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loyalty.moments import Moments, Numbers


@dataclass(frozen=True)
class Shape:
    """What the variables of the moments are: the outcome, its denominator if a ratio, and covariates.

    A ratio's covariate is a ratio too (two variables) where `covariate_ratio` says so.
    """

    ratio: bool = False
    covariate_ratio: bool = False


PLAIN = Shape()             # a mean, with covariates that are means


@dataclass(frozen=True)
class VarianceCut:
    """Each arm's mean before and after the variance cut, its variance after it, and the cut itself for both arms together."""

    raw: Numbers            # (..., stratum, arm)
    adjusted: Numbers
    variance: Numbers
    outcome: Numbers        # (..., stratum, p): what the linearised outcome weighs of each variable, both arms together
    residual: Numbers       # the same after the cut

    @classmethod
    def of(cls, moments: Moments, total: Moments, shape: Shape) -> VarianceCut:
        """Fit the cut on both arms together, and apply it to each."""
        outcome, covariates = _gradients(total.mean, shape)
        inner = np.einsum("...ka,...ab,...jb->...kj", covariates, total.second, covariates)
        cross = np.einsum("...ka,...ab,...b->...k", covariates, total.second, outcome)
        theta = _solve(inner, cross)
        own_outcome, own_covariates = _gradients(moments.mean, shape)
        raw, before = _values(moments.mean, shape)
        _, centre = _values(total.mean, shape)
        adjusted = raw - np.einsum("...k,...ak->...a", theta, before - centre[..., None, :])
        weights = own_outcome - np.einsum("...k,...aki->...ai", theta, own_covariates)
        variance = np.einsum("...ab,...a,...b->...", moments.covariance, weights, weights)
        return cls(raw, adjusted, variance, outcome, outcome - np.einsum("...k,...ki->...i", theta, covariates))


def _values(mean: Numbers, shape: Shape) -> tuple[Numbers, Numbers]:
    """Return the outcome and the covariates that means (..., p) amount to: (...) and (..., k)."""
    first = 2 if shape.ratio else 1
    rest = mean[..., first:]
    with np.errstate(divide="ignore", invalid="ignore"):
        outcome = mean[..., 0] / mean[..., 1] if shape.ratio else mean[..., 0]
        return outcome, (rest[..., :1] / rest[..., 1:2] if shape.covariate_ratio else rest)


def _gradients(mean: Numbers, shape: Shape) -> tuple[Numbers, Numbers]:
    """Return what the outcome (..., p) and each covariate (..., k, p) weigh of the variables, at these means."""
    first, p = (2 if shape.ratio else 1), mean.shape[-1]
    k = 1 if shape.covariate_ratio else p - first
    outcome, covariates = np.zeros(mean.shape), np.zeros((*mean.shape[:-1], k, p))
    with np.errstate(divide="ignore", invalid="ignore"):
        if shape.ratio:
            outcome[..., 0], outcome[..., 1] = 1 / mean[..., 1], -mean[..., 0] / mean[..., 1] ** 2
        else:
            outcome[..., 0] = 1.0
        if shape.covariate_ratio:
            x, d = mean[..., first], mean[..., first + 1]
            covariates[..., 0, first], covariates[..., 0, first + 1] = 1 / d, -x / d**2
        else:
            covariates[..., np.arange(k), first + np.arange(k)] = 1.0
    return outcome, covariates


def _solve(inner: Numbers, cross: Numbers) -> Numbers:
    """Return theta; a covariate that does not vary, or only as others do, takes nothing out."""
    k = inner.shape[-1]
    if k == 0:
        return cross
    if k == 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(inner[..., 0] > 0, cross / inner[..., 0], 0.0)
    scale = np.sqrt(np.maximum(np.einsum("...kk->...k", inner), 0))
    safe = np.where(scale > 0, scale, 1.0)
    with np.errstate(invalid="ignore"):
        correlation = np.nan_to_num(inner / safe[..., :, None] / safe[..., None, :])
    return np.einsum("...kj,...j->...k", np.linalg.pinv(correlation, rcond=1e-10, hermitian=True), cross / safe) / safe
