"""How long the effects of 1 million customers x 3 horizons x 8 outcomes take, beside reading the columns they are in."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from bench.loyalty import Report
from loyalty.experiment import analyse
from loyalty.experiment_rows import read_experiment
from loyalty.question import Question

CUSTOMERS = 1_000_000
HORIZONS, KINDS = (1, 6, 18), 8
TURNS = 3


def measure(report: Report) -> dict[str, Any]:
    """Time reading and analysing in turns; return how many times as long as reading alone it takes, reading included."""
    with tempfile.TemporaryDirectory(prefix="beforehand-bench-") as folder:
        path = Path(folder) / "experiment.parquet"
        question = _write(path)
        analyse(read_experiment(path, question).head(1_000), question)  # compiled
        reading, analysing = [], []
        for _ in range(TURNS):
            reading.append(_seconds(lambda: pl.read_parquet(path)))
            analysing.append(_seconds(lambda: analyse(read_experiment(path, question), question)))
    times = median(analysing) / median(reading)
    report.table(f"{CUSTOMERS:,} customers, {len(question.outcomes)} outcomes with their covariates",
                 ("what", "seconds, median", "x reading"),
                 [("reading the columns", f"{median(reading):.2f}", "1.0"),
                  ("reading and all effects, with all checks", f"{median(analysing):.2f}", f"{times:.2f}")])  # fmt: skip
    return {"x_read": times}


def _write(path: Path) -> Question:
    """Write the columns as they would come out of a warehouse: counts, flags and money in cents, a column a horizon."""
    draw = np.random.default_rng(80)
    held = draw.random(CUSTOMERS) < 0.5
    columns: dict[str, Any] = {"arm": np.where(held, "hold_out", "contact")}
    before = draw.poisson(3, CUSTOMERS)
    outcomes = []
    for kind in range(KINDS):
        for months in HORIZONS:
            name = f"outcome {kind} after {months}"
            amount = draw.poisson(0.5 * months + 0.2 * before)
            columns[name] = amount if kind % 2 else np.round(amount * draw.gamma(2, 1_000, CUSTOMERS)).astype(np.int64)
            outcomes.append(name)
    columns["before"] = before
    pl.DataFrame(columns).write_parquet(path)
    return Question("arm", "hold_out", tuple(outcomes), ("before",), None, 0.5)


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
