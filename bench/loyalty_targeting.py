"""Who is helped, in three worlds: an effect that has nothing to do with risk, one proportional to it, and none."""

from typing import Any

import numpy as np

from bench.loyalty import Report
from loyalty.targeting import Experience, judge, learn

RUNS = {"unrelated": 20, "proportional": 20, "none": 60}
UNITS, NEW, SHARE, WEEKS = 20_000, 20_000, 0.3, 24


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
    switched = {name: float(np.mean([better for better, _ in each])) for name, each in found.items()}
    gains = {name: [gain for _, gain in each] for name, each in found.items() if name != "none"}
    rows = [[name, RUNS[name], switched[name], *((float(np.mean(gains[name])), float(np.min(gains[name]))) if name in gains else ("", ""))]
            for name in found]  # fmt: skip
    report.table(f"Targeting, {UNITS:,} units of experience, {SHARE:.0%} contacted", ["world", "runs", "switched", "gain, mean", "worst"], rows)
    return {"targeting": {"gain_unrelated": float(np.mean(gains["unrelated"])), "loss_proportional": -min(float(np.mean(gains["proportional"])), 0.0),
                          "no_switch_none": 1 - switched["none"], "switch_unrelated": switched["unrelated"]}}  # fmt: skip


def _run(name: str, run: int) -> tuple[bool, float]:
    past, _ = world(np.random.default_rng([3, run]), UNITS, name)
    new, effect = world(np.random.default_rng([4, run]), NEW, name)
    verdict = judge(past, share=SHARE)
    better = verdict is not None and verdict.better
    if name == "none":
        return better, 0.0
    by_risk = _gained(effect, new.risk)
    return better, (_gained(effect, learn(past)(new.known)) / by_risk - 1) if better else 0.0


def _gained(effect: np.ndarray, ranking: np.ndarray) -> float:
    return float(effect[np.argsort(-ranking)[: int(SHARE * len(effect))]].sum())
