"""Default next month from six months of bills: real card customers, one month of labels, so split by customer."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from bench.detecting.part import Part
from bench.detecting.quality import judge_runs
from detectors.backtested import OURS
from detectors.detector import Examples
from detectors.issue import Issue
from detectors.learned import DETECTOR
from detectors.rivals import learn

ISSUE = Issue(name="default", description="The customer defaults next month", horizon_days=30, capacity=50,
              trouble={"event": "bank.default"})  # type: ignore[arg-type]  # fmt: skip
LABEL, FLAGGED_SHARE = "default.payment.next.month", 0.2


def credit_default(data: Path, seeds: int) -> Part:
    """Learn on three quarters of the customers, judge on the rest, once a seed."""
    rows = pl.read_csv(data / "credit_default" / "credit_default.csv.gz", infer_schema_length=None)
    struck = rows[LABEL].to_numpy().astype(bool)
    columns = [name for name in rows.columns if name not in ("ID", LABEL)]
    numbers = rows.select(columns).to_numpy().astype(np.float32)
    part, runs = Part("credit_default"), []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(struck))
        test, known = order[: len(order) // 4], order[len(order) // 4:]
        of = {name: _examples(columns, numbers[at], struck[at], at) for name, at in
              (("train", known[: len(known) * 2 // 3]), ("calibrate", known[len(known) * 2 // 3:]))}  # fmt: skip
        model = DETECTOR.fit(ISSUE, of["train"], of["calibrate"])
        p = model.probability(numbers[test], test & 1)
        scores = {OURS: p, **learn(of["train"], of["calibrate"]).scores(numbers[test]), **_simple(rows[test])}
        runs.append({"struck": struck[test], "unit": test, "scores": scores, "flag_at": float(np.quantile(p, 1 - FLAGGED_SHARE))})
    judge_runs(part, runs)
    return part


def _examples(columns: list[str], numbers: np.ndarray, struck: np.ndarray, unit: np.ndarray) -> Examples:
    n = len(struck)
    return Examples(tuple(columns), (date(2005, 9, 30),), numbers, struck, np.where(struck, 15.0, np.nan), np.ones(n),
                    np.zeros(n, dtype=np.int64), unit.astype(np.int64), np.array([n]))  # fmt: skip


def _simple(rows: pl.DataFrame) -> dict[str, np.ndarray]:
    """Return the orders without learning: months since the last late payment, how many there were, how late the newest is."""
    late = rows.select("PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6").to_numpy() > 0
    since = np.where(late.any(axis=1), late.argmax(axis=1), late.shape[1])
    return {"most recent trouble first": -since.astype(float), "most frequent first": late.sum(axis=1).astype(float),
            "last value": rows["PAY_0"].to_numpy().astype(float)}  # fmt: skip
