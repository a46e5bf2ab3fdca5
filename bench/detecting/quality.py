"""Hold the detector's scores against its rivals' on the same rows: one table and one set of goals for every data set."""

from typing import Any

import numpy as np

from bench.detecting.part import Part, span
from detectors.backtested import OURS
from detectors.bootstrap import area_under_curve, between, calibration_line, resamples
from detectors.evaluate import Values, average_precision, brier_skill_interval
from detectors.rivals import SIMPLE, TUNED

Runs = list[dict[str, Any]]  # a run: struck, unit, scores by contender (ours a probability), flag_at
ENOUGH_FLAGGED = 400


def judge_runs(part: Part, runs: Runs) -> None:
    """Fill a part with the means over runs (seeds), intervals from resampling contact units, the same draws for all."""
    names = [name for name in runs[0]["scores"] if all(name in run["scores"] for run in runs)]
    means = {name: _mean(runs, name, average_precision) for name in names}
    areas = {name: _mean(runs, name, area_under_curve) for name in names}
    if OURS not in names:
        part.rows = [[part.name, name, f"{means[name]:.4f}", f"{areas[name]:.4f}", ""] for name in names]
        part.rows.append([part.name, "this detector", "none", "none", f"not trained: {', '.join(runs[0]['states'])}"])
        part.facts = {"ap": None, "ap_lightgbm_tuned": _r(means.get(TUNED)), "ap_best_simple": _r(max(means[n] for n in names if n in SIMPLE)),
                      "auc": None, "calibration_slope": None, "oe_flagged": None}  # fmt: skip
        return
    for name in names:
        gap = "" if name == OURS else span(means[OURS] - means[name], *between(_differences(runs, name)))
        part.rows.append([part.name, name, f"{means[name]:.4f}", f"{areas[name]:.4f}", gap])
    best = max((name for name in names if name in SIMPLE), key=lambda name: means[name])
    struck, p, unit = (np.concatenate([run[key] if key != "p" else run["scores"][OURS] for run in runs]) for key in ("struck", "p", "unit"))
    line, skill = calibration_line(struck, p, np.ones(len(p)), unit), brier_skill_interval(struck, p, np.ones(len(p)), unit)
    slope = line["slope"] if line else None
    flagged = np.concatenate([run["scores"][OURS] >= run["flag_at"] if run["flag_at"] is not None else
                              np.zeros(len(run["struck"]), dtype=bool) for run in runs])  # fmt: skip
    ratio = float(struck[flagged].sum() / p[flagged].sum()) if flagged.any() else None
    part.facts = {"ap": _r(means[OURS]), "ap_lightgbm_tuned": _r(means[TUNED]), "ap_best_simple": _r(means[best]),
                  "auc": _r(areas[OURS]), "calibration_slope": _r(slope[0] if slope else None), "oe_flagged": _r(ratio)}  # fmt: skip
    signal = skill[0] > 0 and all(run["flag_at"] is not None for run in runs)
    part.rows.append([part.name, f"base rate {struck.mean():.3f}, best simple: {best}", f"skill from {skill[0]:+.3f}",
                      "signal" if signal else "not predictable", f"slope {span(*slope) if slope else '-'}, O/E {ratio and round(ratio, 3)}"])  # fmt: skip
    if not signal:
        return
    low = between(_differences(runs, TUNED))[0]
    part.goal(low >= -0.01, f"average precision against LightGBM tuned: lower bound {low:+.4f}, goal -0.01")
    part.goal(means[OURS] > means[best], f"average precision {means[OURS]:.4f}, {best} {means[best]:.4f}")
    if slope:
        part.goal(0.8 <= slope[0] <= 1.25 and slope[1] <= 1 <= slope[2], f"calibration slope {span(*slope)}")
    if ratio is not None and struck[flagged].sum() >= ENOUGH_FLAGGED:
        part.goal(0.9 <= ratio <= 1.1, f"observed/expected among the flagged {ratio:.3f}")


def run_of(found: Any) -> dict[str, Any]:
    """Return a run for a backtest: its rows and the level its detector flagged from, None where it flags nobody."""
    states = {fact["state"] for fact in found.trained}
    level = found.flag_at if states & {"champion", "challenger"} else None
    return {"states": sorted(states), "struck": found.rows.struck, "unit": found.rows.unit, "scores": found.rows.scores,
            "flag_at": level}  # fmt: skip


def _mean(runs: Runs, name: str, statistic: Any) -> float:
    return float(np.mean([statistic(run["struck"], run["scores"][name], np.ones(len(run["struck"]))) for run in runs]))


def _differences(runs: Runs, name: str) -> list[float]:
    """Return the mean difference of average precision over the runs, a resample of contact units each."""
    every = np.concatenate([run["unit"] for run in runs])
    cut = np.cumsum([len(run["unit"]) for run in runs])[:-1]
    found = []
    for weight in resamples(every, np.ones(len(every))):
        parts = np.split(weight, cut)
        found.append(float(np.mean([_gap(run, name, part) for run, part in zip(runs, parts, strict=True)])))
    return found


def _gap(run: dict[str, Any], name: str, weight: Values) -> float:
    ours, theirs = (average_precision(run["struck"], run["scores"][one], weight) for one in (OURS, name))
    return ours - theirs


def _r(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
