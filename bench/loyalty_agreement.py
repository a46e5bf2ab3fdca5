"""Agreement with gbstats, statsmodels, tea-tasting and lifelines on the same rows."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.environment import environment
from bench.loyalty import Report
from loyalty.effect import Effects, compare
from loyalty.moments import Moments, of_rows
from loyalty.survival import restricted_mean
from loyalty.variance_cut import Shape
from loyalty.watch import daily_interval

NAMES = ("effect", "low", "high", "p_value")
PLANNED = 2_000
UNTIL = 180.0
Rows = dict[str, dict[str, np.ndarray]]


def measure(report: Report) -> dict[str, Any]:
    """Compare every figure with every peer's; return the largest relative difference from gbstats and from the others."""
    found = list(differences())
    report.table("Agreement: the largest relative difference of effect, interval and p (lifelines: of the restricted mean)",
                 ("experiment", "peer", "largest difference"), [(name, peer, f"{apart:.1e}") for name, peer, apart in found])  # fmt: skip
    return {"agree_gbstats": max(apart for _, peer, apart in found if peer == "gbstats"),
            "agree_others": max(apart for _, peer, apart in found if peer != "gbstats")}  # fmt: skip


def differences() -> list[tuple[str, str, float]]:
    """Return (experiment, peer, largest relative difference)."""
    asked = {name: experiment(name, seed) for seed, name in enumerate(("mean", "skewed", "rare", "cut", "ratio", "daily"))}
    days, left = _stays()
    questions: list[dict[str, Any]] = [
        {"kind": _kind(name), "planned": PLANNED, **{arm: {key: list(map(float, values)) for key, values in both.items()}
                                                     for arm, both in rows.items()}}
        for name, rows in asked.items()
    ]  # fmt: skip
    questions.append({"kind": "stay", "days": days.tolist(), "left": left.tolist(), "until": UNTIL})
    *theirs, stayed = answers(questions)
    found = []
    for (name, rows), their in zip(asked.items(), theirs, strict=True):
        ours = _ours(name, rows)
        found.append((name, "gbstats", _apart(ours, their)))
        found += [(name, peer, _apart(ours, answer)) for peer, answer in _others(name, rows)]
    found.append(("days until leaving", "lifelines", abs(restricted_mean(days, left, UNTIL).days / stayed["days"] - 1)))
    return found


def answers(questions: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Ask gbstats and lifelines, in an environment of their own."""
    script = Path(__file__).with_name("peer_gbstats.py")
    done = subprocess.run([environment("gbstats"), script], input=json.dumps(questions), text=True, check=True,
                          stdout=subprocess.PIPE)  # fmt: skip
    return list(json.loads(done.stdout))


def experiment(name: str, seed: int) -> Rows:
    """Return both arms' outcome y, with x: its denominator, or the same before the experiment."""
    draw = np.random.default_rng(seed)
    rows = {}
    for arm, units, lift in (("contact", 800, 0.1), ("hold_out", 760, 0.0)):
        before = draw.gamma(2, 10, units)
        y = {"rare": (draw.random(units) < 0.05 + lift / 4).astype(float), "skewed": draw.lognormal(1, 1, units) + lift,
             "ratio": draw.gamma(2, 3, units) * (1 + lift)}.get(name, 0.8 * before + draw.normal(lift, 4, units))  # fmt: skip
        rows[arm] = {"y": y, "x": 1.0 + draw.poisson(3, units) if name == "ratio" else before}
    return rows


def _kind(name: str) -> str:
    return name if name in ("cut", "ratio", "daily") else "mean"


def _ours(name: str, rows: Rows) -> dict[str, float]:
    used = ("y", "x") if name in ("cut", "ratio") else ("y",)
    columns = [np.concatenate([rows[arm][key] for arm in rows]) for key in used]
    codes = np.repeat([0, 1], [len(rows[arm]["y"]) for arm in rows])
    moments = of_rows(columns, codes, 2)
    both = Moments(*(part[None, None] for part in (moments.n, moments.mean, moments.second, moments.third)))
    found = compare(both, np.full((1, 1), 0.5), Shape(ratio=name == "ratio"))
    return _daily(found) if name == "daily" else {key: float(getattr(found, key)[0]) for key in NAMES}


def _daily(found: Effects) -> dict[str, float]:
    low, high, p = daily_interval(found, PLANNED)
    return {"effect": float(found.effect[0]), "low": float(low[0]), "high": float(high[0]), "p_value": float(p[0])}


def _others(name: str, rows: Rows) -> list[tuple[str, dict[str, float]]]:
    """Return what statsmodels and tea-tasting say, of what each knows."""
    found = []
    if _kind(name) == "mean":
        found.append(("statsmodels", _statsmodels(rows)))
    if name != "daily":
        found.append(("tea-tasting", _tea_tasting(name, rows)))
    return found


def _statsmodels(rows: Rows) -> dict[str, float]:
    import statsmodels.stats.api as sms

    both = sms.CompareMeans(*(sms.DescrStatsW(rows[arm]["y"]) for arm in ("contact", "hold_out")))
    low, high = both.tconfint_diff(usevar="unequal")
    means = [rows[arm]["y"].mean() for arm in ("contact", "hold_out")]
    return {"effect": means[0] - means[1], "low": low, "high": high, "p_value": both.ttest_ind(usevar="unequal")[1]}


def _tea_tasting(name: str, rows: Rows) -> dict[str, float]:
    import tea_tasting as tt

    frame = pl.concat([pl.DataFrame(both).with_columns(arm=pl.lit(arm)) for arm, both in rows.items()])
    how: dict[str, Any] = {"use_t": True, "equal_var": False}
    metric = tt.RatioOfMeans("y", "x", **how) if name == "ratio" else tt.Mean("y", "x" if name == "cut" else None, **how)
    found = tt.Experiment({"m": metric}, variant="arm").analyze(frame, control="hold_out")["m"]
    return {"effect": found.effect_size, "low": found.effect_size_ci_lower, "high": found.effect_size_ci_upper,
            "p_value": found.pvalue}  # fmt: skip


def _stays() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(9)
    leaving, watched = draw.exponential(200, 500).round() + 1, draw.integers(20, 400, 500).astype(float)
    return np.minimum(leaving, watched), leaving <= watched


def _apart(ours: dict[str, float], theirs: dict[str, float]) -> float:
    """Return the largest difference, of effect and interval by the interval's width, of p as it is."""
    width = abs(theirs["high"] - theirs["low"])
    return max(*(abs(ours[name] - theirs[name]) / width for name in NAMES[:3]), abs(ours["p_value"] - theirs["p_value"]))
