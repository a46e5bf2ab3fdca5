"""Do the 95 % intervals cover 95 %? 10,000 experiments a cell, drawn from populations whose truth is known.

A population is 500 made customers; an experiment draws each arm from it with replacement, so how often each customer was
drawn is a multinomial count, and the moments of an arm of any size follow from the counts. The product's own `compare` reads
all experiments of a cell at once. The contacted arm's customers spend 5 % more, or a tenth fewer of them leave.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from bench.loyalty import Report
from loyalty.effect import compare
from loyalty.moments import Moments, of_counts
from loyalty.variance_cut import Shape

EXPERIMENTS, AT_ONCE = 10_000, 2_500
MEMBERS = 500
CONTROLS = (100, 200, 500, 2_000, 10_000, 30_000)
SKEWS = (0.0, 2.0, 5.0)
SHARES = (0.5, 0.1)
SMALL = 200                 # controls; below, covering too much is a fault as well
KINDS = ("mean", "ratio", "retained")


@dataclass(frozen=True)
class Cell:
    """One kind of outcome, arm size, skewness and share of hold out, with or without the variance cut."""

    kind: str
    skew: float
    share: float
    controls: int
    cut: bool

    @property
    def shape(self) -> Shape:
        """What the variables are."""
        return Shape(ratio=self.kind == "ratio", covariate_ratio=self.kind == "ratio" and self.cut)

    @property
    def sizes(self) -> tuple[int, int]:
        """Contacted and held out."""
        return round(self.controls * (1 - self.share) / self.share), self.controls


@dataclass(frozen=True)
class Found:
    """What 10,000 experiments of a cell showed."""

    cell: Cell
    coverage: float
    coverage_of_all: float
    refused: float
    width: float            # median, times the interval of who knows the population's variance


def measure(report: Report) -> dict[str, Any]:
    """Run every cell and say how the worst of them fared."""
    found = list(_every_cell(report.draw(20)))
    report.table(f"Coverage of 95 % intervals, {EXPERIMENTS:,} experiments a cell",
                 ("outcome", "skew", "held out", "controls", "cut", "coverage", "refused", "width x oracle"),
                 [_row(each) for each in found])  # fmt: skip
    issued = [each for each in found if each.refused < 0.9]  # at least 1,000 readings to judge by
    read = [each for each in found if each.refused < 0.5]
    small = [each.coverage for each in issued if each.cell.controls < SMALL]
    able = [each.refused for each in found if each.cell.controls >= 500]
    return {
        "coverage_cells": len(found), "coverage_min": min(each.coverage for each in issued), "coverage_max_small": max(small),
        "refused_share": max(able), "width_x_oracle": max(each.width for each in read),
        "coverage_of_all_min": min(each.coverage_of_all for each in found),
    }  # fmt: skip


def _every_cell(draw: np.random.Generator) -> Iterator[Found]:
    """Yield the cells; with and without the cut look at the same draws."""
    for kind in KINDS:
        for skew in SKEWS:
            for share in SHARES:
                for controls in CONTROLS:
                    yield from _cells(kind, skew, share, controls, draw)


def _cells(kind: str, skew: float, share: float, controls: int, draw: np.random.Generator) -> list[Found]:
    hold_out = population(kind, skew)
    contact = treated(kind, hold_out)
    cells = [Cell(kind, skew, share, controls, cut) for cut in (False, True)]
    figures: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for _ in range(EXPERIMENTS // AT_ONCE):
        sizes = cells[0].sizes
        arms = [of_counts(people, drawn(size, AT_ONCE, draw)) for people, size in zip((contact, hold_out), sizes, strict=True)]
        for cell in cells:
            moments = together(*(_without(arm, cell) for arm in arms))
            found = compare(moments, np.full((AT_ONCE, 1), share), cell.shape)
            figures[cell.cut].append(np.column_stack([found.low, found.high, found.readable]))
    return [_found(cell, np.vstack(figures[cell.cut]), contact, hold_out) for cell in cells]


def drawn(size: int, experiments: int, draw: np.random.Generator) -> np.ndarray:
    """Return how often each member was drawn, in each experiment."""
    return draw.multinomial(size, np.full(MEMBERS, 1 / MEMBERS), size=experiments).astype(float)


def together(contact: Moments, hold_out: Moments) -> Moments:
    """Return both arms' moments with the axes experiment, stratum, arm."""
    pairs = zip(_parts(contact), _parts(hold_out), strict=True)
    return Moments(*(np.stack(pair, axis=1)[:, None] for pair in pairs))


def _parts(moments: Moments) -> tuple[np.ndarray, ...]:
    return moments.n, moments.mean, moments.second, moments.third


def _without(arm: Moments, cell: Cell) -> Moments:
    """Leave out what was known before where the cell has no variance cut."""
    p = 1 + (cell.kind == "ratio")
    return arm if cell.cut else Moments(arm.n, arm.mean[..., :p], arm.second[..., :p, :p], arm.third[..., :p, :p, :p])


def _found(cell: Cell, figures: np.ndarray, contact: np.ndarray, hold_out: np.ndarray) -> Found:
    low, high, readable = figures[:, 0], figures[:, 1], figures[:, 2] > 0
    effect, width = _oracle(cell, contact, hold_out)
    covered = (low <= effect) & (effect <= high)
    some = readable.any()
    return Found(cell, float(covered[readable].mean()) if some else np.nan, float(covered.mean()), float(1 - readable.mean()),
                 float(np.median((high - low)[readable]) / width) if some else np.nan)  # fmt: skip


def _oracle(cell: Cell, contact: np.ndarray, hold_out: np.ndarray) -> tuple[float, float]:
    """Return the true effect, and the width of an interval of who knows the populations' variances and the best cut."""
    exact = [of_counts(people, np.full((1, MEMBERS), size / MEMBERS))
             for people, size in zip((contact, hold_out), cell.sizes, strict=True)]  # fmt: skip
    found = compare(together(*(_without(arm, cell) for arm in exact)), np.full((1, 1), cell.share), cell.shape)
    return float(found.effect[0]), 2 * float(ndtri(0.975)) * float(found.se[0])


# ------------------------------------------------------------------------------------------------- who is drawn


@cache
def population(kind: str, skew: float) -> np.ndarray:
    """Return the held-out customers: outcome (with its denominator where a ratio), then the same before the experiment."""
    draw = np.random.default_rng(5)
    normal = ndtri((np.arange(MEMBERS) + 0.5) / MEMBERS)
    before = 0.8 * normal + 0.6 * draw.normal(size=MEMBERS)
    if kind == "mean":
        spread = float(brentq(lambda s: skewness(np.exp(s * normal)) - skew, 1e-3, 6)) if skew else 0.0
        return np.column_stack([np.exp(spread * normal) if skew else 10 + normal, before])
    if kind == "retained":
        stays = 0.5 * (1 + skew / np.sqrt(4 + skew**2))
        there = (np.arange(MEMBERS) >= round((1 - stays) * MEMBERS)).astype(float)
        return np.column_stack([there, there + draw.normal(size=MEMBERS)])
    orders, earlier = 1.0 + draw.poisson(3, MEMBERS), 1.0 + draw.poisson(3, MEMBERS)
    return _ratio(orders, earlier, normal, before, skew)


def _ratio(orders: np.ndarray, earlier: np.ndarray, normal: np.ndarray, before: np.ndarray, skew: float) -> np.ndarray:
    """Return money and orders, then the same before, the money so spread that the linearised ratio has the skewness asked for."""

    def money(spread: float) -> np.ndarray:
        return np.asarray(orders * np.exp(spread * normal))

    def apart(spread: float) -> float:
        ratio = money(spread).mean() / orders.mean()
        return skewness(money(spread) - ratio * orders) - skew

    spread = float(brentq(apart, 0.02, 4)) if skew else 0.02
    return np.column_stack([money(spread), orders, earlier * np.exp(spread * before), earlier])


def treated(kind: str, hold_out: np.ndarray) -> np.ndarray:
    """Return the same customers, contacted: they spend 5 % more, or every tenth of those who would leave stays."""
    contact = hold_out.copy()
    if kind == "retained":
        leave = np.flatnonzero(contact[:, 0] == 0)
        contact[leave[: len(leave) // 10], 0] = 1.0
    else:
        contact[:, 0] *= 1.05
    return contact


def skewness(values: np.ndarray) -> float:
    """Return the third standardised moment."""
    apart = values - values.mean()
    return float((apart**3).mean() / (apart**2).mean() ** 1.5)


def _row(found: Found) -> tuple[Any, ...]:
    cell = found.cell
    return (cell.kind, f"{cell.skew:.0f}", f"{cell.share:.0%}", f"{cell.controls:,}", "yes" if cell.cut else "no",
            f"{100 * found.coverage:.2f} %", f"{100 * found.refused:.1f} %", f"{found.width:.3f}")  # fmt: skip
