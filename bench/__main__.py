"""`make bench`, `python -m bench --customers 20000 --weeks 12`: measure the speed of the route on this machine."""

import argparse
import os
import shutil
import tempfile
from contextlib import chdir
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.week import Times, play_weeks
from core.settings import load_settings

CONFIG = Path(__file__).parents[1] / "config"


def main() -> None:
    """Play the made company in a throw-away folder and print the seconds of each step."""
    ask = argparse.ArgumentParser(prog="bench", description=main.__doc__)
    ask.add_argument("--customers", type=int, default=20_000)
    ask.add_argument("--weeks", type=int, default=12)
    asked = ask.parse_args()
    os.environ.pop("DATABASE_URL", None)  # a bench writes to a database of its own
    with tempfile.TemporaryDirectory(prefix="beforehand-bench-", ignore_cleanup_errors=True) as folder, chdir(folder):
        shutil.copytree(CONFIG, "config", ignore=shutil.ignore_patterns("examples"))
        settings = load_settings("config")
        times = play_weeks(settings, customers=asked.customers, weeks=asked.weeks, last=date(2026, 6, 30))
    show(times, asked.customers)


def show(times: Times, customers: int) -> None:
    """Print a table of the steps; one over its budget is marked."""
    table = Table("step", "times", "median s", "slowest s", "budget s", title=f"{customers:,} customers")
    for step, n, median, slowest, budget in times.rows():
        over = budget is not None and median > budget
        table.add_row(step, str(n), f"{median:.2f}", f"{slowest:.2f}", "" if budget is None else f"{budget:.2f}",
                      style="bold yellow" if over else None)
    Console().print(table)


if __name__ == "__main__":
    main()
