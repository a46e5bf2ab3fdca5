"""`python -m bench.outreach`: 100,000 flags planned and sent to a local provider, beside the same work without a ledger.

Planning is held against the bare COPY into a temporary table with an upsert of the same rows; sending against the bare
`sendgrid` library, which posts the same letters in the same batches to the same server. Contenders take turns in one run,
each in a process of its own; memory is the highest resident size of ours with 10,000 and with 100,000 messages. Beside the
clock stands the processor time of contender and database, which says the same on a machine that has other work to do too.
"""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import select, text

from bench.outbox import DAY, ISSUE, NOW, company, flag
from core.settings import Settings
from ledger.bulk import copy_once
from ledger.database import sessions
from ledger.messages import Message
from ledger.server import hold
from outreach import plan
from outreach.channels.sendgrid import body
from outreach.compose import Composer, Recipient
from outreach.letter import Letter
from outreach.playbook import load_playbooks
from outreach.reconcile import reconcile
from outreach.send import send_due

BATCH = 100
SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Measured:
    """One contender's seconds, processor seconds (its own, its database's), and highest resident size in MB."""

    seconds: float
    peak_mb: float
    own_cpu: float
    database_cpu: float

    @property
    def cpu(self) -> float:
        """Processor seconds of both."""
        return self.own_cpu + self.database_cpu


def main() -> None:
    """Measure, print the table, and end with the JSON line."""
    ask = argparse.ArgumentParser(prog="bench.outreach", description=main.__doc__)
    ask.add_argument("--flags", type=int, default=100_000)
    ask.add_argument("--rounds", type=int, default=2, help="turns of each contender; the median counts")
    asked = ask.parse_args()
    rounds = [_round(asked.flags) for _ in range(asked.rounds)]
    small = _sent(max(asked.flags // 10, 1))["ours"]
    medians = {name: statistics.median(each[name].seconds for each in rounds) for name in rounds[0]}
    cpu = {name: statistics.median(each[name].cpu for each in rounds) for name in rounds[0]}
    peak = statistics.median(each["ours"].peak_mb for each in rounds)
    _show(asked.flags, rounds, medians)
    sys.stdout.write(json.dumps({
        "plan_x_copy_upsert": round(medians["copy with upsert"] / medians["plan"], 2),
        "send_x_bare": round(medians["bare sendgrid"] / medians["ours"], 2),
        "peak_mb_10k": round(small.peak_mb), "peak_mb_100k": round(peak),
        "plan_x_copy_upsert_cpu": round(cpu["copy with upsert"] / cpu["plan"], 2),
        "send_x_bare_cpu": round(cpu["bare sendgrid"] / cpu["ours"], 2),
    }) + "\n")  # fmt: skip


def _round(flags: int) -> dict[str, Measured]:
    sys.stderr.write(f"{flags:,} flags ...\n")
    return _sent(flags, alone=False)


def _sent(flags: int, *, alone: bool = True) -> dict[str, Measured]:
    """Plan and send so many flags in a fresh ledger; with `alone` without the contenders."""
    with _house() as (settings, server):
        flag(settings, flags)
        found = {"plan": _in_process(_plan, settings)}
        if not alone:
            found["copy with upsert"] = _in_process(_copy, settings)
        found["ours"] = _in_process(_send, settings)
        received = _received(server)
        with sessions(settings)() as session:
            accepted = session.scalar(text("SELECT count(*) FROM messages WHERE state = 'accepted'"))
        if received != {"received": accepted, "duplicates": 0} or not reconcile(settings).height:
            raise RuntimeError(f"the provider received {received}, the ledger says {accepted}.")
        if not alone:
            found["bare sendgrid"] = _in_process(_bare, settings)
        if not alone and _received(server) != {"received": accepted, "duplicates": accepted}:
            raise RuntimeError("the bare library did not send the same messages.")
    return found


# ------------------------------------------------------------------------------------- the contenders, a process each


def _plan(settings: Settings) -> float:
    """Gate, assign and plan every flag."""
    began = time.perf_counter()
    plan.plan_day(day=DAY, now=NOW, settings=settings)
    return time.perf_counter() - began


def _copy(settings: Settings) -> float:
    """Write the very rows that were planned into a table of the same shape: COPY, then an upsert."""
    with sessions(settings).begin() as session:
        rows = session.execute(select(*(getattr(Message, name) for name in plan.COLUMNS)).order_by(Message.id)).all()
        session.execute(text("CREATE TABLE others (LIKE messages INCLUDING ALL)"))
        session.execute(text("ALTER TABLE messages RENAME TO ours; ALTER TABLE others RENAME TO messages"))
    began = time.perf_counter()
    with sessions(settings).begin() as session:
        copy_once(session, Message, plan.COLUMNS, rows, key=("flag_id", "kind"))
    seconds = time.perf_counter() - began
    with sessions(settings).begin() as session:
        session.execute(text("DROP TABLE messages; ALTER TABLE ours RENAME TO messages"))
    return seconds


def _send(settings: Settings) -> float:
    """Gate again, claim, compose, send and record everything that is due."""
    began = time.perf_counter()
    send_due(now=NOW, settings=settings)
    return time.perf_counter() - began


def _bare(settings: Settings) -> float:
    """Post the same letters, composed beforehand, with the library alone."""
    from sendgrid import SendGridAPIClient

    letters = _letters(settings)
    batches = [letters[n : n + BATCH] for n in range(0, len(letters), BATCH)]
    client = SendGridAPIClient("SG.bench", host=settings.outreach.sendgrid.host).client
    began = time.perf_counter()
    for batch in batches:
        for group in _by_skeleton(batch):
            client.mail.send.post(request_body=body(group))
    return time.perf_counter() - began


def _letters(settings: Settings) -> list[Letter]:
    composer, playbook = Composer(settings), load_playbooks(settings)[ISSUE]
    with sessions(settings)() as session:
        rows = session.execute(text("""
            SELECT m.key, c.address, c.name, c.language, m.day FROM messages m JOIN customers c USING (customer_id)
            WHERE m.state = 'accepted' ORDER BY m.due_at, m.id"""))
        return [composer.letter(playbook, Recipient(*row), now=NOW) for row in rows]


def _by_skeleton(batch: list[Letter]) -> Iterator[list[Letter]]:
    for skeleton in {letter.skeleton for letter in batch}:
        yield [letter for letter in batch if letter.skeleton is skeleton]


# ------------------------------------------------------------------------------------------------------- the frame


@contextmanager
def _house() -> Iterator[tuple[Settings, str]]:
    """Yield a company on a PostgreSQL of its own, and the address of a provider in a process of its own."""
    command = [sys.executable, "-m", "bench.provider"]
    with (tempfile.TemporaryDirectory(prefix="beforehand-outreach-", ignore_cleanup_errors=True) as name,
          hold(Path(name) / "pg") as server, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as provider):
        assert provider.stdout is not None
        try:
            host = provider.stdout.readline().strip()
            os.environ |= {"DATABASE_URL": server.url, "SENDGRID_API_KEY": "SG.bench"}
            yield company(Path(name), host=host, batch=BATCH), host
        finally:
            provider.kill()


def _in_process(work: Callable[[Settings], float], settings: Settings) -> Measured:
    """Do the work in a new process and return its seconds and its highest resident size."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_measure, args=(work, str(settings.folder), theirs))
    process.start()
    theirs.close()
    measured = Measured(*ours.recv())
    process.join()
    return measured


def _measure(work: Callable[[Settings], float], config: str, answer: Connection) -> None:
    from core.settings import load_settings

    database, own = _database_cpu(config), time.process_time()
    seconds = work(load_settings(config))
    own, database = time.process_time() - own, _database_cpu(config) - database
    answer.send((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, own, database))


def _database_cpu(config: str) -> float:
    """Return the processor seconds that the house's PostgreSQL has used, backends that are gone included."""
    postmaster = psutil.Process(int((Path(config).parent / "pg" / "data" / "postmaster.pid").read_text().splitlines()[0]))
    used = [postmaster.cpu_times(), *(child.cpu_times() for child in postmaster.children())]
    return sum(each.user + each.system for each in used) + used[0].children_user + used[0].children_system


def _received(host: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{host}/received") as answer:
        told: dict[str, Any] = json.load(answer)
    return {name: told[name] for name in ("received", "duplicates")}


def _show(flags: int, rounds: list[dict[str, Measured]], medians: dict[str, float]) -> None:
    table = Table("contender", "seconds, each turn", "median s", "flags/s", "CPU s: own", "database", "peak MB", title=f"{flags:,} flags, batches of {BATCH}")
    for name, median in medians.items():
        turns = [each[name] for each in rounds]
        table.add_row(name, ", ".join(f"{turn.seconds:.1f}" for turn in turns), f"{median:.1f}", f"{flags / median:,.0f}",
                      *(f"{statistics.median(each):.2f}" for each in ([t.own_cpu for t in turns], [t.database_cpu for t in turns])),
                      f"{max(turn.peak_mb for turn in turns):.0f}")  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
