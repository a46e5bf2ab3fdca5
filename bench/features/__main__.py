"""`python -m bench.features --size S|L [--dense]`: sixty features over two sources, every contender in turns, then JSON."""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from bench.environment import environment
from bench.features import feast_store
from bench.features.data import home_of, made, size_of
from core.errors import MissingError

CLOSE = 1e-6  # of a number kept in 32 bits beside one of 64
ONLY_AT_S = ("pandas", "feast", "feast_duckdb", "feast_twelve", "spark")
ONCE = ("feast_twelve", "spark")  # minutes each
EVERY = ("floor", "ours", "ours_twelve", "polars", "duckdb", *ONLY_AT_S)
KEYS = ("size", "floor_s", "ours_x_floor", "peak_mb", "x_duckdb", "x_pandas", "x_feast", "x_feast_duckdb", "cutoffs12_x_one",
        "increment_x_cold", "dense_increment_x_cold", "exponent", "equal", "dropped_rows_ours", "twelve_x_feast")  # fmt: skip


@dataclass
class Runs:
    """What the runs of one contender took, and how its result compares."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    rows: int | None = None
    equal: bool | None = None

    @property
    def best(self) -> float:
        """The quickest run: others' work on the machine only ever adds."""
        return min(self.seconds)


def main(words: Sequence[str] | None = None) -> None:
    """Measure; print a table, and one line of JSON last."""
    ask = argparse.ArgumentParser(prog="bench.features", description=main.__doc__)
    ask.add_argument("--size", choices=("S", "L"), default="S")
    ask.add_argument("--dense", action="store_true", help="the increment of the dense variant too")
    ask.add_argument("--runs", type=int, help="runs of each contender (5 at S, 3 at L)")
    ask.add_argument("--only", help="contenders, by commas")
    asked = ask.parse_args(words)
    runs = asked.runs or {"S": 5, "L": 3}[asked.size]
    names = asked.only.split(",") if asked.only else [n for n in EVERY if asked.size == "S" or n not in ONLY_AT_S]
    found = compare(asked.size, names, runs)
    small = compare("S", ["ours"], runs) if asked.size == "L" and "ours" in found else {}
    grown = increments(asked.size, False, runs)
    dense = increments(asked.size, True, runs) if asked.dense else {}
    show(found | grown | {f"dense {name}": run for name, run in dense.items()}, asked.size)
    print(json.dumps(line(asked.size, found, small, grown, dense)))  # noqa: T201


def compare(size: str, names: Sequence[str], runs: int) -> dict[str, Runs]:
    """Run every contender in turns, and hold each result against ours."""
    made(size_of(size))
    found = {name: Runs() for name in names}
    with tempfile.TemporaryDirectory(prefix="beforehand-bench-") as folder:
        for turn in range(runs):
            for name, run in found.items():
                if turn == 0 or name not in ONCE:
                    _run(name, home_of(size_of(size)), folder, run)
        if "ours" in found:
            for name, run in found.items():
                _compare(Path(folder), name, run)
    return found


def increments(size: str, dense: bool, runs: int) -> dict[str, Runs]:
    """Build a day cold, and from the day before, in turns; the vectors are written."""
    which = size_of(size, dense=dense)
    made(which)
    found = {"cold_build": Runs(), "increment": Runs()}
    with tempfile.TemporaryDirectory(prefix="beforehand-bench-") as folder:
        for _ in range(runs):
            _run("cold_build", home_of(which), folder, found["cold_build"])
            _run("day_before", home_of(which), folder, Runs())
            _run("increment", home_of(which), folder, found["increment"])
        cold, slid = (pl.read_parquet(f"{folder}/{name}.parquet") for name in found)
        found["increment"].equal, found["increment"].rows = cold.equals(slid), slid.height
    return found


def _run(name: str, home: Path, folder: str, run: Runs) -> None:
    """Run one contender once, in a process of its own."""
    python, module = sys.executable, ["-m", "bench.features.contenders", name]
    if name.startswith("feast"):
        feast_store.prepare(home)
        python, module = str(environment("feast")), [str(Path(feast_store.__file__)), name]
    command = [python, *module, str(home), f"{folder}/{name}.parquet"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "POLARS_MAX_THREADS": "2"})
    if done.returncode:
        raise MissingError(f"bench.features: {name} failed.\n{done.stderr[-2000:]}")
    said = json.loads(done.stdout.strip().splitlines()[-1])
    for key, values in (("seconds", run.seconds), ("cpu", run.cpu), ("peak_mb", run.peak_mb)):
        values.append(said[key])


def _compare(folder: Path, name: str, run: Runs) -> None:
    """Note how many rows came back, and whether they say what ours say."""
    path = folder / f"{name}.parquet"
    if not path.exists():
        return
    ours, theirs = pl.read_parquet(folder / "ours.parquet"), pl.read_parquet(path)
    run.rows = theirs.height
    both = theirs.select("customer_id").join(ours, on="customer_id", how="left", maintain_order="left")
    run.equal = all(_same(both[column], theirs[column]) for column in ours.columns[1:])


def _same(ours: pl.Series, theirs: pl.Series) -> bool:
    """Whether two columns have the same numbers, to the bits that ours are kept in, and lack the same."""
    ours, theirs = ours.cast(pl.Float64), theirs.cast(pl.Float64).fill_nan(None)
    near = (ours - theirs).abs() <= CLOSE * theirs.abs()
    return bool((ours.is_null() == theirs.is_null()).all() and near.fill_null(True).all())


def show(found: dict[str, Runs], size: str) -> None:
    """Print a table: seconds are the quickest and the median of the runs."""
    table = Table("contender", "n", "quickest s", "median s", "cpu s", "x floor", "peak MB", "rows", "dropped", "equal", title=f"size {size}")
    floor = found["floor"].best if "floor" in found else math.nan
    asked = found["ours"].rows if "ours" in found else None
    for name, run in found.items():
        dropped = "" if asked is None or run.rows is None or name.startswith("dense") else f"{asked - run.rows:,}"
        table.add_row(name, str(len(run.seconds)), f"{run.best:.2f}", f"{statistics.median(run.seconds):.2f}", f"{min(run.cpu):.2f}",
                      f"{run.best / floor:.1f}", f"{max(run.peak_mb):,.0f}", "" if run.rows is None else f"{run.rows:,}", dropped,
                      "" if run.equal is None else str(run.equal))  # fmt: skip
    Console(width=130).print(table)


def line(
    size: str, found: dict[str, Runs], small: dict[str, Runs], grown: dict[str, Runs], dense: dict[str, Runs]
) -> dict[str, object]:
    """Return the figures under their agreed names, null where not run."""
    times = lambda runs, over, under: round(runs[over].best / runs[under].best, 3) if over in runs and under in runs else None
    roster = pl.read_parquet(home_of(size_of(size)) / "roster.parquet").height
    ours = found.get("ours")
    figures = (
        size, round(found["floor"].best, 3) if "floor" in found else None, times(found, "ours", "floor"),
        round(max(ours.peak_mb)) if ours else None,
        *(times(found, name, "ours") for name in ("duckdb", "pandas", "feast", "feast_duckdb")),
        times(found, "ours_twelve", "ours"), times(grown, "increment", "cold_build"), times(dense, "increment", "cold_build"),
        round(math.log10(ours.best / small["ours"].best), 3) if ours and small else None,
        all(run.equal for run in (*found.values(), *grown.values()) if run.equal is not None),
        roster - ours.rows if ours and ours.rows is not None else None,
        times(found, "feast_twelve", "ours_twelve"),
    )  # fmt: skip
    return dict(zip(KEYS, figures, strict=True))


if __name__ == "__main__":
    main()
