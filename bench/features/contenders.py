"""One contender in a process of its own: `python -m bench.features.contenders NAME HOME RESULT` prints seconds and peak.

Seconds count from the first file opened until the numbers are there; importing libraries and loading compiled code does
not count, for anyone. The result is written afterwards, to be compared.
"""

import json
import resource
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from bench.features import duckdb_sql, pandas_plain
from bench.features.data import FIRST
from bench.features.declared import CUTOFFS, DAY, sixty
from core.clock import moment_after
from core.settings import Settings, load_settings
from feature_store import build, lake, tables
from feature_store.as_of import compute, compute_each
from feature_store.feature_set import FeatureSet, make_set, store

USED = {"usage": ["customer_hash", "kind", "occurred_at", "seconds", "bytes"],
        "invoices": ["customer_hash", "kind", "occurred_at", "amount_cents"]}  # fmt: skip
WINDOW_DAYS = 90
SPARK = {"spark.driver.memory": "6g", "spark.sql.shuffle.partitions": "4", "spark.ui.showConsoleProgress": "false"}


@dataclass
class Task:
    """What a contender gets: the company's settings, and who is asked for."""

    settings: Settings
    roster: pl.DataFrame

    def files(self, source: str) -> list[str]:
        """Return the day files that hold the 90 days before the moment."""
        live = tables.live_files(tables.place(self.settings, source))
        return live.filter(pl.col("recorded_on") > DAY - timedelta(days=WINDOW_DAYS)).sort("recorded_on")["path"].to_list()


def floor(task: Task) -> None:
    """Decode the used columns to Arrow, one file at a time."""
    for source, columns in USED.items():
        for path in task.files(source):
            pq.ParquetFile(path, read_dictionary=["kind"]).read(columns=columns, use_threads=False)


def ours(task: Task) -> pl.DataFrame:
    """Compute the sixty features as of one day."""
    return next(computed(task, [DAY]))


def ours_twelve(task: Task) -> pl.DataFrame:
    """Compute them as of twelve days in one pass; the last is compared."""
    return deque(computed(task, list(CUTOFFS)), maxlen=1)[0]


def polars(task: Task) -> pl.DataFrame:
    """Compute them with the exact engine, which reads frames."""
    moment = moment_after(DAY)
    since = moment - timedelta(days=WINDOW_DAYS)
    frames = {s: lake.scan(task.settings, s, before=moment, since=since) for s in USED}
    return compute(sixty(), frames, moment, task.roster)


def spark(task: Task) -> pl.DataFrame:
    """Compute them with the same declarations on Spark: one process of two cores, whose own memory and processor time are not counted."""
    from feature_store.engines.spark import cluster, vectors

    frame = vectors(task.settings, sixty(), moment_after(DAY), USED, cluster(task.settings))
    return pl.DataFrame(frame.orderBy("customer_id").toArrow()).cast({pl.Float64: pl.Float32})


def cold_build(task: Task) -> str:
    """Build the day's vectors as the product does and write them, with nothing kept from the day before."""
    _forget(task)
    return build.build_day(day=DAY, settings=task.settings)


def increment(task: Task) -> str:
    """Build the day's vectors from what the day before kept, and write them."""
    return build.build_day(day=DAY, settings=task.settings)


def duckdb(task: Task) -> pl.DataFrame:
    """Ask DuckDB."""
    return duckdb_sql.answer({source: task.files(source) for source in USED}, task.roster, moment_after(DAY))


def pandas(task: Task) -> pl.DataFrame:
    """Ask pandas."""
    return pandas_plain.answer({source: task.files(source) for source in USED}, task.roster, moment_after(DAY))


def day_before(task: Task) -> None:
    """Get ready for `increment`: build the day before, and take away what was built of the day."""
    before = DAY - timedelta(days=1)
    _forget(task)
    build.build_day(day=before, settings=task.settings)
    for path in task.settings.place("vectors").glob(f"*/{DAY}.parquet"):
        path.unlink()


CONTENDERS: dict[str, Callable[[Task], pl.DataFrame | str | None]] = {
    c.__name__: c
    for c in (floor, ours, ours_twelve, polars, spark, cold_build, increment, duckdb, pandas, day_before)
}


def computed(task: Task, days: list[date]) -> Iterator[pl.DataFrame]:
    """Compute the sixty features as of some days in one pass."""
    looks = lambda source, moment, since: lake.look(task.settings, source, before=moment, since=since)
    return compute_each(sixty(), looks, [moment_after(d) for d in days], lambda _: task.roster, pl.Float32())


def _forget(task: Task) -> None:
    """Take away every vector and everything kept, but for the feature set."""
    frozen(task.settings)
    for path in task.settings.place("vectors").glob("*/*"):
        if path.parent.name != "sets":
            shutil.rmtree(str(path)) if path.is_dir() else path.unlink()


def frozen(settings: Settings) -> FeatureSet:
    """Freeze the sixty features as the set in use."""
    return store(settings, make_set(sixty(), frozen_on=FIRST, notes=[]))


def warm(task: Task) -> None:
    """Load compiled code: look at the first day alone."""
    looks = lambda source, moment, since: lake.look(task.settings, source, before=moment, since=since)
    next(compute_each(sixty(), looks, [moment_after(FIRST)], lambda _: task.roster, pl.Float32()))


def on_spark(task: Task) -> None:
    """Let Spark stand by, and read the first day alone."""
    from feature_store.engines.spark import cluster, vectors

    features = task.settings.features.model_copy(update={"engine": "spark", "master": "local[2]", "spark": SPARK})
    task.settings = task.settings.model_copy(update={"features": features})
    vectors(task.settings, sixty(), moment_after(FIRST), USED, cluster(task.settings)).toArrow()


def main() -> None:
    """Run one contender and say how long it took."""
    name, home, result = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    settings = load_settings(home / "config")
    task = Task(settings, pl.read_parquet(home / "roster.parquet"))
    if name not in ("floor", "duckdb", "pandas"):
        (on_spark if name == "spark" else warm)(task)
    cpu, began = time.process_time(), time.perf_counter()
    found = CONTENDERS[name](task)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if found is not None:
        (build.read(found) if isinstance(found, str) else found).write_parquet(result)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak}))  # noqa: T201


if __name__ == "__main__":
    main()
