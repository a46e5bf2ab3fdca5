"""What must never work: labels that mean nothing, and a feature that looks into the future."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from bench.detecting.credit import ISSUE
from bench.detecting.part import Part
from bench.detecting.speed import made
from core.errors import LookaheadError
from detectors.evaluate import judge
from detectors.learned import DETECTOR
from detectors.threshold import level
from feature_store.as_of import compute
from feature_store.feature import Feature, Measure

ROWS, TIMES = 12_000, 5


def honesty(data: Path, seeds: int) -> Part:
    """Shuffle the labels and train; plant features that see what came after, by window and by rows."""
    part = Part("honesty")
    flags = [_shuffled(seed) for seed in range(TIMES)]
    part.facts = {"shuffled_flags": int(sum(flags)), "leak_refused": _window_refused() and _rows_refused()}
    part.rows = [["honesty", "labels shuffled", f"{flags} flags", "", ""],
                 ["honesty", "planted leak", "refused" if part.facts["leak_refused"] else "TAKEN", "", ""]]  # fmt: skip
    part.goal(not sum(flags), f"shuffled labels flagged {flags}")
    part.goal(part.facts["leak_refused"], "a feature that sees the future was taken")
    return part


def _shuffled(seed: int) -> int:
    """Return how many would be flagged after learning from labels dealt out anew."""
    known = made(ROWS, seed)
    dealt = np.random.default_rng(100 + seed).permutation(known.struck)
    known = replace(known, struck=dealt, lag_days=np.where(dealt, 5.0, np.nan))
    parts = [known.of((known.cutoff >= first) & (known.cutoff < last)) for first, last in ((0, 9), (9, 11), (11, 12))]
    model = DETECTOR.fit(ISSUE, parts[0], parts[1])
    p = model.probability(parts[2].numbers, parts[2].half)
    scores = judge(parts[2].struck, p, parts[2].weight, parts[2].unit)
    return int((p >= level(ISSUE, p, known.exposed, scores.base_rate).flag_at).sum()) if scores.predictable else 0


def _window_refused() -> bool:
    try:
        Measure("billing", "count", window_days=-7)
    except LookaheadError:
        return True
    return False


def _rows_refused() -> bool:
    """Hand the engine rows of the day after: it must not count them."""
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    rows = pl.LazyFrame({"customer_id": ["a"], "kind": ["lost"], "occurred_at": [moment + timedelta(hours=5)],
                         "recorded_at": [moment + timedelta(hours=5)], "event_id": ["1"], "deleted": [False]})  # fmt: skip
    roster = pl.DataFrame({"customer_id": ["a"], "billing": [datetime(2025, 1, 1, tzinfo=UTC)]})
    try:
        compute([Feature("leak", Measure("billing", "count", 7), empty=0)], {"billing": rows}, moment, roster)
    except LookaheadError:
        return True
    return False
