"""`python -m bench.detection`: is the trouble found early, is the probability honest, and what does it cost.

Contenders are judged on the same rows. The last line is one JSON object. `--only NAME` (again for more) runs some parts.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.detecting.companies import clickstream, completejourney, ravenstack
from bench.detecting.credit import credit_default
from bench.detecting.honesty import honesty
from bench.detecting.part import Part
from bench.detecting.simulated import simulator
from bench.detecting.speed import ROWS, SCORED, speed
from bench.detecting.unlabelled import unlabelled

PARTS: dict[str, Callable[..., Part]] = {
    "honesty": honesty, "credit_default": credit_default, "completejourney": completejourney, "clickstream": clickstream,
    "ravenstack": ravenstack, "speed": speed, "unlabelled": unlabelled, "simulator": simulator,
}  # fmt: skip
FLAT = ("honesty", "speed")  # parts whose facts stand at the top of the JSON line


def main() -> None:
    """Run the parts asked for, print a table of each as it is done, name the goals missed, and end with the JSON line."""
    ask = argparse.ArgumentParser(prog="bench.detection", description=main.__doc__)
    ask.add_argument("--only", action="append", choices=list(PARTS))
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--customers", type=int, default=20_000, help="of the made company")
    ask.add_argument("--rows", type=int, default=ROWS, help="to train on in the part speed; as many are scored, a million at most")
    ask.add_argument("--data", type=Path, default=Path(os.environ.get("BEFOREHAND_DATA", Path(__file__).parents[1].parent / "shared" / "data")))
    asked = ask.parse_args()
    size = {"simulator": {"customers": asked.customers}, "unlabelled": {"customers": asked.customers},
            "speed": {"rows": asked.rows, "scored": min(asked.rows, SCORED)}}  # fmt: skip
    found = {}
    for name in asked.only or PARTS:
        began = time.perf_counter()
        found[name] = partial(PARTS[name], **size.get(name, {}))(asked.data.resolve(), asked.seeds)
        show(found[name], time.perf_counter() - began)
    facts = {name: part.facts for name, part in found.items() if name not in FLAT}
    for name in FLAT:
        facts |= found[name].facts if name in found else {}
    sys.stdout.write(json.dumps(facts) + "\n")


def show(part: Part, seconds: float) -> None:
    """Print a part's table and what it missed."""
    table = Table("part", "contender", "average precision", "AUC", "ours minus theirs (95 %), and more",
                  title=f"{part.name}: {seconds:.0f} s", title_justify="left", box=None, pad_edge=False)  # fmt: skip
    for row in part.rows:
        table.add_row(*row)
    screen = Console(width=180, highlight=False)
    screen.print(table)
    for said in part.missed or ["every goal held"]:
        screen.print(f"  {'MISSED ' if part.missed else ''}{said}", markup=False)
    screen.print()


if __name__ == "__main__":
    main()
