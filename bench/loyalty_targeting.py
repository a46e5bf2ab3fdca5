"""Who is helped, in three worlds: an effect that has nothing to do with risk, one proportional to it, and none.

Each programme is asked every week whether its ranking switches; a switch at any week counts.
"""

from typing import Any

import numpy as np
from scipy.stats import binomtest

from bench.loyalty import Report
from loyalty.policy import verdict, walk
from loyalty.targeting import Experience, learn

RUNS = {"unrelated": 15, "proportional": 15, "none": 80}
UNITS, NEW, SHARE, WEEKS = 12_000, 20_000, 0.3, 24
GOAL = 0.05                 # of the worlds without an effect may switch, whenever asked


def world(rng: np.random.Generator, n: int, name: str) -> tuple[Experience, np.ndarray]:
    """Return units and each one's true effect on staying."""
    known, contact = rng.normal(size=(n, 8)), rng.random(n) < 0.5
    risk = 1 / (1 + np.exp(1.5 - known[:, 0]))
    effect = {"unrelated": 0.14 * (known[:, 1] > 0.3) - 0.01, "proportional": 0.35 * risk, "none": np.zeros(n)}[name]
    stays = (rng.random(n) < np.clip(0.9 - 0.8 * risk + effect * contact, 0, 1)).astype(float)
    return Experience(known, contact, np.full(n, 0.5), stays, risk, rng.integers(0, WEEKS, n)), effect


def measure(report: Report) -> dict[str, Any]:
    """Return the gain over ranking by risk among new units, by the true effect, and how often the ranking switches."""
    found = {name: [_run(name, run) for run in range(runs)] for name, runs in RUNS.items()}
    gains = {name: [gain for _, _, gain in each] for name, each in found.items() if name != "none"}
    ever = {name: sum(ever for ever, _, _ in each) for name, each in found.items()}
    ends = {name: float(np.mean([last for _, last, _ in each])) for name, each in found.items()}
    rows = [[name, RUNS[name], f"{ever[name]} ({_limits(ever[name], RUNS[name])})", f"{ends[name]:.0%}",
             *((float(np.mean(gains[name])), float(np.min(gains[name]))) if name in gains else ("", ""))]
            for name in found]  # fmt: skip
    report.table(f"Targeting, {UNITS:,} units over {WEEKS} weeks, asked every week, {SHARE:.0%} contacted",
                 ["world", "runs", "ever switched (95 %)", "switched at the end", "gain, mean", "worst"], rows)  # fmt: skip
    false = binomtest(ever["none"], RUNS["none"], GOAL, alternative="greater").pvalue
    return {"targeting": {"gain_unrelated": float(np.mean(gains["unrelated"])), "loss_proportional": -min(float(np.mean(gains["proportional"])), 0.0),
                          "no_switch_none": 1 - ever["none"] / RUNS["none"], "false_switches": ever["none"], "of": RUNS["none"],
                          "p_of_at_most_5_percent": float(false), "switch_unrelated": ends["unrelated"]}}  # fmt: skip


def _run(name: str, run: int) -> tuple[bool, bool, float]:
    """Return whether the ranking ever switched, whether it had at the end, and what that gained among new units."""
    past, _ = world(np.random.default_rng([3, run]), UNITS, name)
    judged = walk(past)
    asked = [verdict(judged.until(week), share=SHARE) for week in np.unique(judged.week)] if judged else []
    switched = [each is not None and each.better for each in asked]
    if name == "none" or not switched[-1]:
        return any(switched), bool(switched and switched[-1]), 0.0
    new, effect = world(np.random.default_rng([4, run]), NEW, name)
    return True, True, _gained(effect, learn(past)(new.known)) / _gained(effect, new.risk) - 1


def _gained(effect: np.ndarray, ranking: np.ndarray) -> float:
    return float(effect[np.argsort(-ranking)[: int(SHARE * len(effect))]].sum())


def _limits(found: int, runs: int) -> str:
    low, high = binomtest(found, runs).proportion_ci(0.95)
    return f"{low:.1%} to {high:.1%}"
