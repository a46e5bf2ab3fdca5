"""Forecasts from the first month, in worlds where it carries the whole effect and in worlds where it does not."""

from typing import Any

import numpy as np

from bench.loyalty import Report
from loyalty.surrogate import Cohort, check, fit, forecast, stratified

RUNS, MONTHS = 400, 8
MATURE, YOUNG, CROWD = 16_000, 4_000, 1_000_000
WORLDS = {"holds": 0.0, "fade_out": -0.04, "delayed_harm": -0.06}  # what contacting does later beside the first month


def world(rng: np.random.Generator, n: int, direct: float) -> tuple[Cohort, np.ndarray, np.ndarray]:
    """Return units, their later outcome (there or not), and the chance of it; the first month lifts it, `direct` adds to it."""
    taste, contact = rng.normal(size=n), rng.random(n) < 0.5
    lifted = taste + 0.25 * contact
    there = (lifted + rng.normal(size=n) > -1.6).astype(float)
    bought = rng.poisson(np.exp(0.8 + 0.5 * lifted)) * there
    called = rng.poisson(np.exp(-0.5 - 0.3 * lifted)).astype(float)
    before = rng.poisson(np.exp(1 + 0.4 * taste)).astype(float)
    lean = -0.4 + 0.35 * np.log1p(bought) - 0.25 * called + 0.15 * np.log1p(before)
    chance = np.clip(there / (1 + np.exp(-lean)) + direct * contact, 0, 1)
    later = (rng.random(n) < chance).astype(float)
    return Cohort(np.column_stack([there, bought, called, before]), contact, np.full(n, 0.5), rng.integers(0, MONTHS, n)), later, chance


def measure(report: Report) -> dict[str, Any]:
    """Return coverage, width beside waiting, how often it is withheld where it must be, and the error beside a flat effect."""
    found = {name: _runs(direct) for name, direct in WORLDS.items()}
    header = ["world", "truth", "shown", "coverage of the shown", "width / reading's own", "rmse", "rmse of the 1-month effect"]
    report.table(f"Forecasts, {RUNS} programmes a world, {MATURE:,} mature and {YOUNG:,} young units", header,
                 [[name, *(f[key] for key in ("truth", "shown", "coverage", "width", "rmse", "rmse_flat"))] for name, f in found.items()])  # fmt: skip
    holds, broken = found["holds"], [found[name] for name in WORLDS if name != "holds"]
    return {"surrogate": {"coverage": holds["coverage"], "width_x_none": holds["width"], "withheld_where_holds": 1 - holds["shown"],
                          "withheld_where_broken": min(1 - f["shown"] for f in broken), "rmse_x_flat": holds["rmse"] / holds["rmse_flat"]}}  # fmt: skip


def _runs(direct: float) -> dict[str, float]:
    crowd, _, chance = world(np.random.default_rng(99), CROWD, direct)
    truth = float(chance[crowd.contact].mean() - chance[~crowd.contact].mean())
    shown, held, width, error, flat = [], [], [], [], []
    for run in range(RUNS):
        rng = np.random.default_rng([7, run])
        mature, later, _ = world(rng, MATURE, direct)
        young, own_later, _ = world(rng, YOUNG, direct)
        shown.append(check(mature, later).why_not is None)
        told = forecast(fit(mature.first, later), young)
        width.append(told.se / stratified(own_later, young)[1])
        error.append(told.effect - truth)
        flat.append(stratified(young.first[:, 0], young)[0] - truth)
        if shown[-1]:
            held.append(told.low <= truth <= told.high)
    root = [float(np.sqrt(np.mean(np.square(each)))) for each in (error, flat)]
    return {"truth": truth, "shown": float(np.mean(shown)), "coverage": float(np.mean(held)) if held else float("nan"),
            "width": float(np.median(width)), "rmse": root[0], "rmse_flat": root[1]}  # fmt: skip
