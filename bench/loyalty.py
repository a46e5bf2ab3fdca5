"""`python -m bench.loyalty [--only PART ...]`: whether the loyalty readings hold what they claim, where the truth is known.

Each part is a file bench/loyalty_<part>.py with `measure(report) -> dict`, figures of the line printed last.
"""

import argparse
import json
import pkgutil
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import bench

PREFIX = "loyalty_"
LINE = ("coverage_min", "coverage_max_small", "refused_share", "width_x_oracle", "aa_false", "daily_false", "found_helpful",
        "found_harmful", "called_useless", "surrogate", "targeting", "agree_gbstats", "x_read")  # fmt: skip


class Report:
    """Where a part puts its tables, and the seed of everything it draws."""

    def __init__(self, seed: int = 1) -> None:
        """Draw from `seed`."""
        self.seed = seed
        self.console = Console(width=150, highlight=False)

    def draw(self, part: int) -> np.random.Generator:
        """Return what a part of the bench draws from."""
        return np.random.default_rng([part, self.seed])

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print a table; numbers as they are given."""
        table = Table(*header, title=title, title_justify="left", box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(_said(cell) for cell in row))
        self.console.print(table, markup=False)


def parts() -> dict[str, Callable[[Report], dict[str, Any]]]:
    """Return what measures each part, by the part's name."""
    names = sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name.startswith(PREFIX))
    return {name.removeprefix(PREFIX): import_module(f"bench.{name}").measure for name in names}


def main() -> None:
    """Measure every part, or the named ones, and end with one line of JSON."""
    known = parts()
    ask = argparse.ArgumentParser(prog="bench.loyalty", description=main.__doc__)
    ask.add_argument("--only", nargs="+", choices=sorted(known), metavar="PART", help=f"of {', '.join(sorted(known))}")
    ask.add_argument("--seed", type=int, default=1, help="of everything that is drawn; settings are not chosen on the seeds reported")
    asked = ask.parse_args()
    report = Report(asked.seed)
    found: dict[str, Any] = {}
    for name in asked.only or sorted(known):
        began = time.perf_counter()
        found |= known[name](report)
        report.console.print(f"({name}: {time.perf_counter() - began:.0f} s)\n", style="dim")
    first = {name: found.get(name) for name in LINE if asked.only is None or name in found}
    sys.stdout.write(json.dumps(first | found, default=float) + "\n")


def _said(cell: Any) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


if __name__ == "__main__":
    main()
