"""500 programmes sized by the plan for 80 % power, and 1,000 trimmed by a reviewer, before the draw and (on purpose) after it."""

from typing import Any

import numpy as np

from bench.loyalty import Report
from loyalty.effect import Effects, compare
from loyalty.moments import Moments, of_rows
from loyalty.size import sd_of_moved_rate, sd_of_rate, units_needed
from outreach.holdout import draw as hash_draw

PROGRAMMES = 500
RUNS, COHORT, TRIMMED = 1_000, 600, 0.25
LIFT = 0.05                 # of those who stay, among everybody contacted


def measure(report: Report) -> dict[str, Any]:
    """Return what planned programmes find, and whether the reviewer leaves the effect as it is."""
    found = {name: _programmes(sign, report.draw(60 + n)) for n, (name, sign) in enumerate((("helpful", 1), ("harmful", -1), ("useless", 0)))}
    rows = [(name, f"{better:.1%}", f"{worse:.1%}", f"{cover:.1%}") for name, (better, worse, cover) in found.items()]
    report.table(f"{PROGRAMMES} programmes of each kind, sized by the plan for 80 % power",
                 ("truth", "called helpful", "called harmful", "interval covers"), rows)  # fmt: skip
    honest, late = _reviewed(report.draw(70), after=False), _reviewed(report.draw(70), after=True)
    report.table(f"A reviewer trims the quarter most likely to leave, {RUNS:,} runs, truth {LIFT:+.3f}",
                 ("trims", "mean effect", "its standard error", "standard errors from the truth"),
                 [(when, f"{mean:+.4f}", f"{se:.4f}", f"{(mean - LIFT) / se:+.1f}")
                  for when, (mean, se) in (("before the draw", honest), ("after it, among those contacted", late))])  # fmt: skip
    return {
        "found_helpful": found["helpful"][0], "found_harmful": found["harmful"][1],
        "called_useless": found["useless"][0] + found["useless"][1], "programmes_cover": min(cover for *_, cover in found.values()),
        "trim_bias_se": abs(honest[0] - LIFT) / honest[1], "trim_bias_se_broken": abs(late[0] - LIFT) / late[1],
    }  # fmt: skip


def _programmes(sign: int, draw: np.random.Generator) -> tuple[float, float, float]:
    """Return how many programmes call the effect helpful, harmful, and cover it."""
    better = worse = cover = 0
    for _ in range(PROGRAMMES):
        stays, effect, share = draw.uniform(0.75, 0.95), draw.uniform(0.02, 0.05), draw.choice([0.5, 0.3, 0.1])
        size = units_needed(sd=sd_of_rate(stays), effect=effect, share=share, sd_contacted=sd_of_moved_rate(stays, effect))
        truth = sign * min(effect, 1 - stays)
        kept = [draw.binomial(n, rate) for n, rate in ((size.contact, stays + truth), (size.hold_out, stays))]
        found = _of_rates(np.array([[size.contact, size.hold_out]], dtype=float), np.array([kept], dtype=float), share)
        low, high = float(found.low[0]), float(found.high[0])
        readable = bool(found.readable[0])
        better += readable and low > 0
        worse += readable and high < 0
        cover += low <= truth <= high
    return better / PROGRAMMES, worse / PROGRAMMES, cover / PROGRAMMES


def _of_rates(n: np.ndarray, kept: np.ndarray, share: float) -> Effects:
    """Compare yes-or-no outcomes, given how many of each arm's units said yes."""
    rate = kept / n
    second = n * rate * (1 - rate)
    third = second * (1 - 2 * rate)
    moments = Moments(n[:, None], rate[:, None, :, None], second[:, None, :, None, None], third[:, None, :, None, None, None])
    return compare(moments, np.full((len(n), 1), share))


def _reviewed(draw: np.random.Generator, *, after: bool) -> tuple[float, float]:
    """Return the mean effect over the runs and its standard error; `after`: the order of the design is broken on purpose."""
    effects: list[float] = []
    for run in range(RUNS):
        risk = draw.beta(2, 6, COHORT)
        trimmed = risk > np.quantile(risk, 1 - TRIMMED)
        held = np.array([hash_draw("bench", f"run {run}", 0, str(unit)) < 0.5 for unit in range(COHORT)])
        kept = np.where(held, True, ~trimmed) if after else ~trimmed
        stays = draw.random(COHORT) < (1 - risk) * (1 - LIFT) + LIFT * ~held  # the lift is the same whatever the risk
        flat = of_rows([stays[kept].astype(float)], held[kept].astype(np.int64), 2)
        pair = Moments(*(part[None, None] for part in (flat.n, flat.mean, flat.second, flat.third)))
        effects.append(float(compare(pair, np.full((1, 1), 0.5)).effect[0]))
    return float(np.mean(effects)), float(np.std(effects, ddof=1) / np.sqrt(RUNS))
