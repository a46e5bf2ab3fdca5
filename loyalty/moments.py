"""Sufficient statistics: what an effect needs to know of its rows, for one experiment or ten thousand at once.

Of p variables (an outcome, its denominator, what was known before) a group keeps its size, its means and the sums of
products of two and of three about them. Groups merge without the rows (Pebay 2008), and whatever is linear in the
variables - a variance cut, a ratio by the delta method - has its variance and skewness in these sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Codes = np.ndarray[Any, np.dtype[np.integer[Any]]]
FEW = 256.0
FEW_GROUPS = 4   # up to which every group walks over all rows, eight at a time, instead of rows looking for their group
BLOCK = 4_096    # rows that stay in the processor's cache while each group walks over them


@dataclass(frozen=True)
class Moments:
    """Size (...), means (..., p), and sums about the means of products of two (..., p, p) and of three (..., p, p, p)."""

    n: Numbers
    mean: Numbers
    second: Numbers
    third: Numbers

    @property
    def covariance(self) -> Numbers:
        """The covariances with n - 1 below; not a number for fewer than two."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.second / np.where(self.n > 1, self.n - 1, np.nan)[..., None, None])

    def __getitem__(self, which: Any) -> Moments:
        """Return some of the groups."""
        return Moments(self.n[which], self.mean[which], self.second[which], self.third[which])

    def merged(self, axis: int = -1) -> Moments:
        """Return the moments of all groups along an axis of `n` taken together."""
        axis = axis % self.n.ndim
        n = self.n.sum(axis=axis)
        weight = self.n / np.expand_dims(np.where(n > 0, n, 1), axis)
        mean = (self.mean * weight[..., None]).sum(axis=axis)
        apart = self.mean - np.expand_dims(mean, axis)
        second = self.second + np.einsum("...,...a,...b->...ab", self.n, apart, apart)
        crossed = np.einsum("...ab,...c->...abc", self.second, apart)
        third = (
            self.third + np.einsum("...,...a,...b,...c->...abc", self.n, apart, apart, apart)
            + crossed + np.swapaxes(crossed, -1, -2) + np.moveaxis(crossed, -1, -3)
        )  # fmt: skip
        return Moments(n, mean, second.sum(axis=axis), third.sum(axis=axis))

    def along(self, weights: Numbers) -> tuple[Numbers, Numbers]:
        """Return the sums about the mean, squared and cubed, of the variables added up with `weights` (..., p)."""
        first = np.einsum("...abc,...c->...ab", self.third, weights)
        squares = np.einsum("...ab,...a,...b->...", self.second, weights, weights)
        return squares, np.einsum("...ab,...a,...b->...", first, weights, weights)


def of_sums(n: Numbers, first: Numbers, second: Numbers, third: Numbers, centre: Numbers) -> Moments:
    """Return moments from the sums of (values - centre) and of their products of two and three."""
    mean = first / np.where(n > 0, n, 1)[..., None]
    about = second - np.einsum("...,...a,...b->...ab", n, mean, mean)
    crossed = np.einsum("...ab,...c->...abc", second, mean)
    all_three = crossed + np.swapaxes(crossed, -1, -2) + np.moveaxis(crossed, -1, -3)
    cubes = third - all_three + 2 * np.einsum("...,...a,...b,...c->...abc", n, mean, mean, mean)
    return Moments(n, mean + centre, about, cubes)


def of_rows(columns: Sequence[Numbers], codes: Codes, groups: int) -> Moments:
    """Return the moments of each group; row i belongs to group codes[i], and every column has a number for it."""
    if groups <= FEW_GROUPS and len(columns) <= 2:
        return _of_pairs(columns, codes, groups)
    values = [np.ascontiguousarray(column, dtype=np.float64) for column in columns]
    codes = np.ascontiguousarray(codes, dtype=np.int64)
    centre = np.stack([_about(column, codes, groups) for column in values], axis=-1)
    if len(values) <= 2:
        sums = _pair_sums(values[0], values[-1], centre, codes)
        return of_sums(*_unfolded(sums, len(values)), centre)
    n, first, second, third = _sums(np.vstack(values), centre, codes)
    return of_sums(n, first, second, third, centre)


def _of_pairs(columns: Sequence[Numbers], codes: Codes, groups: int) -> Moments:
    """Do that for one or two variables in a few groups; whole numbers are read as they are."""
    values = [np.ascontiguousarray(column, dtype=None if column.dtype == np.int64 else np.float64) for column in columns]
    small = np.ascontiguousarray(codes, dtype=np.int8)
    centre = np.stack([_about(column, small, groups) for column in values], axis=-1)
    sums = _pair_sums_of_few(values[0], values[-1], centre, small)
    return of_sums(*_unfolded(sums, len(values)), centre)


def of_counts(population: Numbers, counts: Numbers) -> Moments:
    """Return the moments of groups drawn from a population (K, p), given how often each of its K members was drawn."""
    centre = population.mean(axis=0)
    z = population - centre
    p = z.shape[1]
    two = np.einsum("ka,kb->kab", z, z)
    three = np.einsum("kab,kc->kabc", two, z)
    sums = counts @ np.hstack([np.ones((len(z), 1)), z, two.reshape(len(z), -1), three.reshape(len(z), -1)])
    lead = counts.shape[:-1]
    parts = np.split(sums, [1, 1 + p, 1 + p + p * p], axis=-1)
    return of_sums(parts[0][..., 0], parts[1], parts[2].reshape(*lead, p, p), parts[3].reshape(*lead, p, p, p), centre)


def _unfolded(sums: Numbers, p: int) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return n and the sums of products of one or two variables in their full, symmetric shapes."""
    n, x, y, xx, xy, yy, xxx, xxy, xyy, yyy = sums.T
    if p == 1:
        return n, x[:, None], xx[:, None, None], xxx[:, None, None, None]
    second = np.stack([xx, xy, xy, yy], axis=-1).reshape(-1, 2, 2)
    third = np.stack([xxx, xxy, xxy, xyy, xxy, xyy, xyy, yyy], axis=-1).reshape(-1, 2, 2, 2)
    return n, np.stack([x, y], axis=-1), second, third


@numba.njit(cache=True, nogil=True)
def _about(column: Numbers, codes: Codes, groups: int) -> Numbers:
    """Return about where each group's values lie, the mean of its first few: sums about it lose no digits."""
    n, mean, full = np.zeros(groups), np.zeros(groups), 0
    for row in range(len(codes)):
        group = codes[row]
        if n[group] < FEW:
            n[group] += 1
            mean[group] += column[row]
            full += n[group] == FEW
            if full == groups:
                break
    return mean / np.maximum(n, 1)


@numba.njit(cache=True, nogil=True)
def _pair_sums(one: Numbers, other: Numbers, centre: Numbers, codes: Codes) -> Numbers:
    """Add up what two variables (or one, twice) amount to in each group: n, x, y and their products of two and three."""
    sums = np.zeros((len(centre), 10))
    last = centre.shape[1] - 1
    for row in range(len(codes)):
        group = codes[row]
        x, y = one[row] - centre[group, 0], other[row] - centre[group, last]
        xx, xy, yy = x * x, x * y, y * y
        to = sums[group]
        to[0] += 1
        to[1] += x
        to[2] += y
        to[3] += xx
        to[4] += xy
        to[5] += yy
        to[6] += xx * x
        to[7] += xx * y
        to[8] += x * yy
        to[9] += yy * y
    return sums


@numba.njit(cache=True, nogil=True)
def _pair_sums_of_few(one: Numbers, other: Numbers, centre: Numbers, codes: Codes) -> Numbers:
    """Do the same where there are few groups, block by block."""
    sums = np.zeros((len(centre), 10))
    for low in range(0, len(codes), BLOCK):
        rows = slice(low, low + BLOCK)
        for group in range(len(centre)):
            found = _group_sums(one[rows], other[rows], codes[rows], group, centre[group])
            for at, amount in enumerate(found):
                sums[group, at] += amount
    return sums


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"}, error_model="numpy")
def _group_sums(one: Numbers, other: Numbers, codes: Codes, group: int, centre: Numbers) -> tuple[float, ...]:
    """Add up one group's rows, in any order, so that several are added at once."""
    n = x1 = y1 = xx1 = xy1 = yy1 = xxx1 = xxy1 = xyy1 = yyy1 = 0.0
    x0, y0 = centre[0], centre[-1]
    for row in range(len(codes)):
        x, y = one[row] - x0, other[row] - y0
        x, y = x if codes[row] == group else 0.0, y if codes[row] == group else 0.0  # chosen: infinity times zero is no number
        n += 1.0 if codes[row] == group else 0.0
        xx, xy, yy = x * x, x * y, y * y
        x1 += x
        y1 += y
        xx1 += xx
        xy1 += xy
        yy1 += yy
        xxx1 += xx * x
        xxy1 += xx * y
        xyy1 += x * yy
        yyy1 += yy * y
    return n, x1, y1, xx1, xy1, yy1, xxx1, xxy1, xyy1, yyy1


@numba.njit(cache=True, nogil=True)
def _sums(values: Numbers, centre: Numbers, codes: Codes) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Add up each group's values less its centre, and their products of two and three, of any number of variables."""
    p, rows = values.shape
    groups = len(centre)
    n, first = np.zeros(groups), np.zeros((groups, p))
    second, third = np.zeros((groups, p, p)), np.zeros((groups, p, p, p))
    z = np.zeros(p)
    for row in range(rows):
        group = codes[row]
        n[group] += 1
        for a in range(p):
            z[a] = values[a, row] - centre[group, a]
        for a in range(p):
            first[group, a] += z[a]
            for b in range(a, p):
                product = z[a] * z[b]
                second[group, a, b] += product
                for c in range(b, p):
                    third[group, a, b, c] += product * z[c]
    for group in range(groups):
        for a in range(p):
            for b in range(p):
                for c in range(p):
                    low, high = min(a, b, c), max(a, b, c)
                    third[group, a, b, c] = third[group, low, a + b + c - low - high, high]
                second[group, a, b] = second[group, min(a, b), max(a, b)]
    return n, first, second, third
