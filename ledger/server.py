"""The life of the embedded PostgreSQL: the first holder starts it, the last one to leave stops it.

A holder is a process, known by its id and the time it was created. Holders killed without a word are struck off by
the next one who comes or goes, so a server whose owner was killed is taken over and stopped at the end.
"""

import atexit
import fcntl
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from ledger.postgres import (
    Cluster,
    Postmaster,
    find_postmaster,
    is_alive,
    make_data,
    make_databases,
    start,
    stop,
    wait_until_ready,
)

CLOCK_SLACK_S = 5.0  # a process's creation time is read back within this, even when the clock was set in between

_guard = threading.RLock()
_holds: Counter[Path] = Counter()  # how often this process holds each server


@dataclass(frozen=True)
class Server:
    """A running server and the addresses of its two databases."""

    sockets: Path

    @property
    def url(self) -> str:
        """The ledger's database, as SQLAlchemy wants it."""
        return f"postgresql+psycopg://beforehand@/beforehand?host={self.sockets}&port=5432"

    @property
    def airflow_url(self) -> str:
        """Airflow's database, as SQLAlchemy wants it."""
        return f"postgresql+psycopg2://airflow@/airflow?host={self.sockets}&port=5432"

    @property
    def admin_url(self) -> str:
        """The server's own database, as its superuser."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.sockets}&port=5432"


@contextmanager
def hold(folder: Path | str) -> Iterator[Server]:
    """Hold the server whose folder is `folder` (made if it is not there) while the block runs."""
    folder = Path(folder).resolve()
    server = _enter(folder)
    try:
        yield server
    finally:
        _leave(folder)


def ensure_running(folder: Path | str) -> Server:
    """Hold the server whose folder is `folder` until this process ends."""
    folder = Path(folder).resolve()
    with _guard:
        server = _enter(folder)
        if folder in _for_life:
            _leave(folder)
        else:
            _for_life.add(folder)
            atexit.register(_leave_at_exit, folder)
        return server


def holders(folder: Path | str) -> list[int]:
    """Return the ids of the living processes that hold the server."""
    return [pid for pid, _ in _living(Cluster(Path(folder).resolve()))]


def stop_if_unheld(folder: Path | str) -> bool:
    """Stop a server whose holders were all killed; whether none holds it."""
    cluster = Cluster(Path(folder).resolve())
    if not cluster.folder.exists():
        return True
    with _alone(cluster):
        living = _living(cluster)
        if not living:
            stop(cluster)
        return not living


_for_life: set[Path] = set()


def _enter(folder: Path) -> Server:
    cluster = Cluster(folder)
    with _guard:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(cluster):
            running = _running(cluster)
            make_databases(running.sockets)
            _write(cluster, [*(h for h in _living(cluster) if h[0] != os.getpid()), _myself()])
        _holds[folder] += 1
    return Server(running.sockets)


def _running(cluster: Cluster) -> Postmaster:
    """Return the server, started if it does not run; one whose socket was swept away is started again."""
    found = find_postmaster(cluster)
    if found is not None and (not found.ready or (found.sockets / ".s.PGSQL.5432").exists()):
        return wait_until_ready(cluster)
    stop(cluster)
    make_data(cluster)
    return start(cluster)


def _leave(folder: Path) -> None:
    cluster = Cluster(folder)
    with _guard:
        _holds[folder] -= 1
        if _holds[folder] > 0:
            return
        if not folder.exists():  # somebody removed it: there is nobody to ask and nothing to keep
            stop(cluster)
            return
        with _alone(cluster):
            others = [holder for holder in _living(cluster) if holder[0] != os.getpid()]
            _write(cluster, others)
            if not others:
                stop(cluster)


def _leave_at_exit(folder: Path) -> None:
    if folder in _for_life:  # a forked child inherits the call, not the hold
        _for_life.discard(folder)
        _leave(folder)


@contextmanager
def _alone(cluster: Cluster) -> Iterator[None]:
    """Keep every other process from starting or stopping this server meanwhile; the lock dies with its process."""
    with (cluster.folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _living(cluster: Cluster) -> list[tuple[int, float]]:
    try:
        listed = json.loads((cluster.folder / "holders.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return []
    return [(pid, created) for pid, created in listed if _lives(pid, created)]


def _lives(pid: int, created: float) -> bool:
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < CLOCK_SLACK_S and is_alive(process)
    except psutil.NoSuchProcess:
        return False


def _myself() -> tuple[int, float]:
    return os.getpid(), psutil.Process().create_time()


def _write(cluster: Cluster, listed: list[tuple[int, float]]) -> None:
    new = cluster.folder / "holders.new"
    new.write_text(json.dumps(listed))
    new.replace(cluster.folder / "holders.json")


def _forget_in_child() -> None:
    """After a fork the child holds nothing; it enters under its own id when it needs the server."""
    global _guard  # the parent's may have been locked at the moment of the fork
    _guard = threading.RLock()
    _holds.clear()
    _for_life.clear()


os.register_at_fork(after_in_child=_forget_in_child)
