"""`python -m bench.faults`: kill, race, stop and replay, and count what a real provider really received.

Senders are killed with -9 at random moments, eight race over ten thousand messages, PostgreSQL is stopped and started under
them, clocks jump, two schedulers run the same day four times, and the provider's events come fifty times, shuffled over 30
hours of which the receiver is down for 23. The last line is JSON; the exit code is 1 unless nothing was received twice and
nothing is unaccounted for. `--record-before-claim` plants that bug into the senders, which must make the run fail.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.fault_run import SMALL, FaultRun, Size
from bench.fault_tally import SHOWN, Tally, tally
from bench.fault_worker import Orders, PlayedClock
from bench.outbox import NOW, company
from bench.provider import Provider
from ledger.database import sessions
from ledger.postgres import Cluster
from ledger.server import hold
from outreach.reconcile import reconcile


@contextmanager
def house(size: Size, *, record_before_claim: bool) -> Iterator[FaultRun]:
    """Yield a run in a throw-away folder, with a PostgreSQL of its own."""
    with tempfile.TemporaryDirectory(prefix="beforehand-faults-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with hold(folder / "pg") as server, Provider(keep=False) as provider:
            os.environ |= {"DATABASE_URL": server.url, "SENDGRID_API_KEY": "SG.fault-run"}
            provider.hang_seconds = 1.2
            settings = company(folder, host=provider.host, batch=10, timeout=1.0, lease=60)
            clock = PlayedClock(NOW, time.time())
            orders = Orders(str(settings.folder), server.url, clock, record_before_claim=record_before_claim)
            yield FaultRun(settings, Cluster((folder / "pg").resolve()), provider, orders, size)


def main() -> int:
    """Run the phases asked for, print the counts, and return 0 when nothing is lost and nothing came twice."""
    ask = argparse.ArgumentParser(prog="bench.faults", description=main.__doc__)
    phases = ("kill", "race", "stop_the_database", "jump", "schedule", "hear")
    ask.add_argument("--small", action="store_true", help="a short run of every phase")
    ask.add_argument("--kills", type=int, help="how many senders are killed")
    ask.add_argument("--kill-seconds", type=float, help="stop killing after so long")
    ask.add_argument("--only", choices=phases, action="append", help="run this phase alone (may be repeated)")
    ask.add_argument("--record-before-claim", action="store_true", help="plant the bug that must make the run fail")
    asked = ask.parse_args()
    size = SMALL if asked.small else Size()
    size = replace(size, kills=asked.kills or size.kills, kill_seconds=asked.kill_seconds or size.kill_seconds)
    with house(size, record_before_claim=asked.record_before_claim) as run:
        for phase in asked.only or phases:
            getattr(run, phase)()
        run.drain()
        cohorts = reconcile(run.settings)
        with sessions(run.settings)() as session:
            found = tally(session, run.provider.received)
        show(run, found, cohorts.height)
        _status(run)
    counts = {"kills": run.kills, "received": found.received, "duplicates": found.duplicates,
              "unaccounted": len(found.unaccounted), "uncertain": len(found.uncertain)}  # fmt: skip
    sys.stdout.write(json.dumps(counts) + "\n")
    return 1 if found.duplicates or found.unaccounted else 0


def show(run: FaultRun, found: Tally, cohorts: int) -> None:
    """Print what was done, what is in the ledger, and every doubt."""
    table = Table("what", "came of it", title="Faults", box=None, title_justify="left")
    for what, said in run.notes:
        table.add_row(what, said)
    table.add_row("ledger", ", ".join(f"{n:,} {state}" for state, n in sorted(found.states.items())))
    table.add_row("reconcile", f"{cohorts} cohorts add up")
    table.add_row("in doubt", f"{len(found.uncertain):,}: " + ", ".join(found.uncertain[:SHOWN]) + (" ..." if len(found.uncertain) > SHOWN else ""))
    for line in found.unaccounted[:SHOWN]:
        table.add_row("UNACCOUNTED", line)
    Console(width=160, highlight=False).print(table)


def _status(run: FaultRun) -> None:
    """Show `beforehand status`, as a person would look after such a day."""
    from cli.status import tell_figures
    from console.figures import figures

    tell_figures(figures(run.settings))


if __name__ == "__main__":
    sys.exit(main())
