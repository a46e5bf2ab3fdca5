"""`python -m bench.console`: twenty readers, a million customers, 200,000 flags and two million ledger rows; how long pages take.

The console is the real one, served by uvicorn in a process of its own, asked over HTTP; the milliseconds are those of its
Server-Timing header. Pages are found from the application. `--customers 20000 --seconds 30` is a quick one. The last line is JSON.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from fastapi.testclient import TestClient
from rich.console import Console
from rich.table import Table

from bench.console.explain import plan, slowest
from bench.console.ledger import Size, fill
from bench.console.pages import Page, pages, subjects
from bench.console.readers import Keys, Tally, read
from console.app import create_app
from console.auth import cookie_name
from core import clock
from core.settings import Settings, load_settings
from ledger import database, sign_ins
from ledger.api_tokens import SCOPES, make_token
from ledger.people import add_person
from ledger.server import hold

CONFIG = Path(__file__).parents[2] / "config"
P50_AT_MOST_MS, P95_AT_MOST_MS = 100, 250
UP_WITHIN_S = 120
OUT = Console(width=140)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Fill a ledger, let the readers read, print the table, and end with the JSON line."""
    ask = argparse.ArgumentParser(prog="bench.console", description=main.__doc__)
    ask.add_argument("--customers", type=int, default=1_000_000)
    ask.add_argument("--flags", type=int, help="default: a fifth of the customers")
    ask.add_argument("--readers", type=int, default=20)
    ask.add_argument("--seconds", type=float, default=180)
    ask.add_argument("--explain", action="store_true", help="show the slowest statement of each page over its limit, and its plan")
    asked = ask.parse_args(arguments)
    size = Size(asked.customers, asked.flags or asked.customers // 5, date.today() - timedelta(days=1))  # noqa: DTZ011
    with company() as settings:
        began, engine = time.monotonic(), database.engine(settings)
        _tell(fill(engine, size), time.monotonic() - began)
        found, left_out = pages(create_app(settings))
        tally, keys, about = _measure(settings, found, asked.readers, asked.seconds)
        for line in left_out + [f"{name}: {why}" for name, why in sorted(tally.failed.items())]:
            OUT.print(f"not measured: {line}", markup=False, soft_wrap=True)
        measured = show(tally)
        if asked.explain:
            _explain(settings, [page for page in found if _is_slow(measured.get(page.name))], about, keys)
    worst = max((page["p95_ms"] for page in measured.values()), default=None)
    result = {"pages": measured, "worst_p95_ms": worst}
    sys.stdout.write(json.dumps(result) + "\n")
    return result


@contextmanager
def company() -> Iterator[Settings]:
    """Make a throw-away copy of the made company's configuration, with a PostgreSQL of its own."""
    with tempfile.TemporaryDirectory(prefix="beforehand-console-", ignore_cleanup_errors=True) as folder:
        shutil.copytree(CONFIG, Path(folder) / "config", ignore=shutil.ignore_patterns("examples"))
        file = Path(folder) / "config" / "settings.toml"
        file.write_text(file.read_text().replace('root = "var"', f'root = "{folder}/var"'))
        with hold(Path(folder) / "pg") as server:
            os.environ |= {"DATABASE_URL": server.url, "BEFOREHAND_CONFIG": f"{folder}/config"}
            try:
                yield load_settings(Path(folder) / "config")
            finally:
                database.forget(server.url)
                del os.environ["DATABASE_URL"], os.environ["BEFOREHAND_CONFIG"]


def _measure(settings: Settings, found: list[Page], readers: int, seconds: float) -> tuple[Tally, Keys, dict[str, Any]]:
    keys = _let_in(settings, readers)
    with database.sessions(settings)() as session:
        about = subjects(session, settings, 200)
    with served() as address:
        tally = asyncio.run(read(address, found, about, keys, seconds=seconds))
    return tally, keys[0], about[0]


def _let_in(settings: Settings, readers: int) -> list[Keys]:
    """Sign so many readers in, each an admin, and make them one token."""
    now, found = clock.now(), []
    with database.sessions(settings).begin() as session:
        token = make_token(session, name="bench", scopes=SCOPES, by="bench", now=now)
        for n in range(readers):
            person = add_person(session, email=f"reader{n}@lumen.example", name=f"Reader {n}", role="admin", now=now)
            secret = sign_ins.begin(session, person, lasts=timedelta(hours=12), now=now)
            visitor = sign_ins.visitor(session, secret, now=now)
            found.append(Keys({cookie_name(settings): secret}, visitor.csrf if visitor else "", token))
    return found


@contextmanager
def served() -> Iterator[str]:
    """Serve the console as `beforehand console` does, in a process of its own; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from cli.app import main; main()", "console", "--port", str(port)]
    process = subprocess.Popen(command, cwd=CONFIG.parent, stdout=subprocess.DEVNULL)
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/sign-in", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_up(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the console ended with {process.returncode} before it answered")
        try:
            httpx.get(address, timeout=60).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{address}: no answer within {UP_WITHIN_S} seconds")


def show(tally: Tally) -> dict[str, dict[str, float]]:
    """Print a table, the slowest page first, and return it; what is over its limit is marked."""
    measured = {name: _percentiles(took) for name, took in tally.took.items() if took}
    table = Table("page", "n", "median ms", "p95 ms", title="milliseconds on the server")
    for name, found in sorted(measured.items(), key=lambda item: -item[1]["p95_ms"]):
        table.add_row(name, str(len(tally.took[name])), f"{found['p50_ms']:.1f}", f"{found['p95_ms']:.1f}",
                      style="bold yellow" if _is_slow(found) else None)  # fmt: skip
    OUT.print(table)
    return measured


def _percentiles(took: Sequence[float]) -> dict[str, float]:
    p95 = statistics.quantiles(took, n=20, method="inclusive")[-1] if len(took) > 1 else took[0]
    return {"p50_ms": round(statistics.median(took), 1), "p95_ms": round(p95, 1)}


def _is_slow(found: dict[str, float] | None) -> bool:
    return found is not None and (found["p50_ms"] > P50_AT_MOST_MS or found["p95_ms"] > P95_AT_MOST_MS)


def _explain(settings: Settings, slow: Sequence[Page], about: dict[str, Any], keys: Keys) -> None:
    engine: sa.Engine = database.engine(settings)
    with TestClient(create_app(settings), follow_redirects=False) as client:
        client.cookies.update(dict(keys.cookies))
        for page in slow:
            data = {page.field: about[str(page.by)]} if page.field else None
            headers = {"Authorization": f"Bearer {keys.token}"} if page.token else {"X-CSRF-Token": keys.csrf}
            ask = lambda page=page, data=data, headers=headers: client.request(
                "POST" if data else "GET", page.address(about), data=data, headers=headers)  # fmt: skip
            ask()
            heard, whole_ms = slowest(engine, ask)
            inside = sum(each.took_ms for each in heard)
            OUT.print(f"\n{page.name}: {whole_ms:.0f} ms, {len(heard)} statements of {inside:.0f} ms", markup=False, style="bold")
            if heard:
                OUT.print(f"{heard[0].took_ms:.1f} ms: {heard[0].text}\n{plan(engine, heard[0])}", markup=False, soft_wrap=True)


def _tell(made: dict[str, int], took_s: float) -> None:
    rows = {name: n for name, n in made.items() if name not in ("customers", "flags")}
    OUT.print(f"{made['customers']:,} customers, {made['flags']:,} flags, {sum(rows.values()):,} ledger rows, made in {took_s:.0f} s")


if __name__ == "__main__":
    main()
