"""What calibration, tuning and the rest cost beside the plain estimator: fits and scorings in turns in one run."""

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from bench.detecting.credit import ISSUE
from bench.detecting.part import Part
from detectors import learned
from detectors.boosted import in_threads
from detectors.detector import Examples
from detectors.learned import DETECTOR
from detectors.tuning import choose

ROWS, FEATURES, SCORED, DAYS = 1_200_000, 60, 1_000_000, 12


def speed(data: Path, seeds: int, rows: int = ROWS, scored: int = SCORED) -> Part:
    """Train on `rows` x 60 and score `scored` x 60 made numbers; the plain estimator has the same shape and as many threads."""
    known = made(rows)
    train, calibrate = known.of(known.cutoff < DAYS - 2), known.of(known.cutoff >= DAYS - 2)
    seconds: dict[str, list[float]] = {}
    shape, *_ = choose(learned.GROWER, train)
    for _ in range(max(seeds - 1, 1)):
        plain = _timed(seconds, "fit", lambda: in_threads(
            lambda _: learned.estimator(shape).fit(known.numbers, known.struck), 1)[0])  # fmt: skip
        model = _timed(seconds, "train", lambda: DETECTOR.fit(ISSUE, train, calibrate))
    new = made(scored, seed=1)
    for _ in range(max(seeds, 2)):
        theirs = _timed(seconds, "predict_proba", lambda: in_threads(lambda _: plain.predict_proba(new.numbers)[:, 1], 1)[0])
        ours = _timed(seconds, "score", lambda: model.probability(new.numbers, new.half))
    part = Part("speed")
    part.facts = {"score_x_predict_proba": _ratio(seconds, "score", "predict_proba"), "train_x_fit": _ratio(seconds, "train", "fit")}
    part.rows = [["speed", name, f"{np.median(values):.2f} s", f"{len(values)} times", ""] for name, values in seconds.items()]
    part.goal(part.facts["score_x_predict_proba"] <= 1.5, f"scoring takes {part.facts['score_x_predict_proba']} x predict_proba")
    part.goal(part.facts["train_x_fit"] <= 1.3, f"training takes {part.facts['train_x_fit']} x the plain fit")
    part.goal(_same_order(ours, theirs) > 0.95, "the plain estimator orders customers otherwise")
    return part


def made(rows: int, seed: int = 0) -> Examples:
    """Return made customers: 60 numbers, some of them missing, one in twenty struck, several of the numbers telling."""
    rng = np.random.default_rng(seed)
    numbers = rng.standard_normal((rows, FEATURES), dtype=np.float32)
    odds = numbers[:, 0] + 0.7 * numbers[:, 1] * (numbers[:, 2] > 0) + 0.5 * numbers[:, 3] - 3.4
    struck = rng.random(rows) < 1 / (1 + np.exp(-odds))
    for column in range(10, FEATURES, 8):
        numbers[rng.random(rows) < 0.3, column] = np.nan
    day = np.sort(rng.integers(0, DAYS, rows))
    return Examples(tuple(f"f{n}" for n in range(FEATURES)), tuple(date(2026, 1, 1 + n) for n in range(DAYS)), numbers, struck,
                    np.where(struck, 5.0, np.nan), np.ones(rows), day, rng.integers(0, 2**40, rows), np.full(DAYS, rows // DAYS))  # fmt: skip


def _same_order(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the rank correlation of the two on some rows: both must have learned the same thing."""
    some = np.arange(0, len(ours), max(len(ours) // 20_000, 1))
    ranks = [np.argsort(np.argsort(values[some])).astype(float) for values in (ours, theirs)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _timed(seconds: dict[str, list[float]], name: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    done = work()
    seconds.setdefault(name, []).append(time.perf_counter() - began)
    return done


def _ratio(seconds: dict[str, list[float]], ours: str, theirs: str) -> float:
    return round(float(np.median(seconds[ours]) / np.median(seconds[theirs])), 3)
