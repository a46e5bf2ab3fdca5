"""A real Airflow scheduler, started and stopped with everything it spawns, and asked through its own API."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psutil
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from core.errors import MissingError
from core.settings import CONFIG_ENV, Settings

DAGS = ("pull", "detect", "watch", "reach_out", "measure", "send", "train")
BUSY = retry(  # a machine at work may keep the API waiting; what is asked here changes nothing
    retry=retry_if_exception_type((TimeoutError, ConnectionError)), stop=stop_after_attempt(6), wait=wait_fixed(2), reraise=True
)
HOUSE = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """Return a TCP port of this machine that is free now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


class Scheduler:
    """`airflow standalone` with the LocalExecutor on our PostgreSQL, in a process group of its own."""

    def __init__(self, settings: Settings, *, database_url: str, airflow_url: str, port: int | None = None):  # noqa: D107
        self.home = Path(str(settings.place("airflow"))).resolve()
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.home / "standalone.log"
        self._settings, self._database_url, self._airflow_url = settings, database_url, airflow_url
        self._process: subprocess.Popen[bytes] | None = None
        self._token: str | None = None

    def environment(self, live_from: date | None) -> dict[str, str]:
        """Return the variables that make Airflow ours: database, DAGs, executor, port, a secret kept in its home."""
        return os.environ | {
            CONFIG_ENV: str(self._settings.folder.resolve()),
            "DATABASE_URL": self._database_url,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(HOUSE),
            "GX_ANALYTICS_ENABLED": "false",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(HOUSE / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(HOUSE / "dags" / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self._airflow_url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__API__SECRET_KEY": self._secret(),
            "AIRFLOW__API_AUTH__JWT_SECRET": self._secret(),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            # The console inside tells Airflow of approvals by the API, as its admin.
            "BEFOREHAND_AIRFLOW": self.url,
            "BEFOREHAND_AIRFLOW_PASSWORD": self.password(),
        } | ({"BEFOREHAND_LIVE_FROM": live_from.isoformat()} if live_from else {})

    def start(self, *, live_from: date | None) -> None:
        """Start Airflow in the background; its output goes to `standalone.log`."""
        airflow = Path(sys.executable).parent / "airflow"
        if not airflow.exists():
            raise MissingError(f"{airflow}: Airflow is not installed. `make setup` installs it.")
        self.stop_leftover()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(airflow), "standalone"], env=self.environment(live_from), stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        created = psutil.Process(self._process.pid).create_time()
        (self.home / "standalone.pid").write_text(json.dumps({"pid": self._process.pid, "created": created}))

    def stop_leftover(self) -> None:
        """Stop an Airflow that outlived a killed owner; its process group is named in the pid file."""
        note = self.home / "standalone.pid"
        if not note.exists():
            return
        left = json.loads(note.read_text() or "{}")
        if left and not _is_another(left["pid"], left["created"]):
            _stop_group(left["pid"], patience=10)
        note.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop Airflow and everything it started; returns when nothing of it is left."""
        if self._process is not None:
            _stop_group(self._process.pid, patience=15)
            self._process.wait()
            self._process = None
        (self.home / "standalone.pid").unlink(missing_ok=True)

    def wait_until(self, ready: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Wait until `ready()`; MissingError with the log's tail when Airflow dies or the time is up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._process is not None and self._process.poll() is not None:
                raise MissingError(f"Airflow: ended by itself while waiting for {what}. Its log says:\n{self._tail()}")
            with contextlib.suppress(OSError, json.JSONDecodeError):  # not listening, or its password not written yet
                if ready():
                    return
            time.sleep(0.5)
        raise MissingError(f"Airflow: waited {seconds:.0f} s for {what} in vain. Its log says:\n{self._tail()}")

    def is_ready(self) -> bool:
        """Whether the API answers and every DAG has been read."""
        return {dag["dag_id"] for dag in self.get("/api/v2/dags")["dags"]} >= set(DAGS)

    def unpause(self, dags: Iterable[str] = DAGS) -> None:
        """Let DAGs of ours run; all of them when none are named."""
        for dag in dags:
            self._call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})

    @BUSY
    def runs(self, dag: str) -> list[dict[str, Any]]:
        """Return the runs of `dag`, oldest first: run id, partition key, state, run type."""
        runs = self.get(f"/api/v2/dags/{dag}/dagRuns?limit=200&order_by=run_after")["dag_runs"]
        wanted = ("dag_id", "dag_run_id", "partition_key", "state", "run_type", "start_date", "end_date")
        return [{name: run.get(name) for name in wanted} for run in runs]

    @BUSY
    def tasks(self, dag: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run: task id, map index, state."""
        found = self.get(f"/api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances?limit=200")["task_instances"]
        return [{name: each.get(name) for name in ("task_id", "map_index", "state", "duration")} for each in found]

    def get(self, path: str) -> dict[str, Any]:
        """Ask Airflow's API and return its JSON answer."""
        return self._call("GET", path)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        self._token = self._token or self._sign_in()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        return _request(method, self.url + path, body, headers)

    def password(self) -> str:
        """Return the password of Airflow's user admin, made before Airflow starts, which then keeps it."""
        kept = self.home / "simple_auth_manager_passwords.json.generated"
        if not kept.exists():
            kept.touch(mode=0o600)
            kept.write_text(json.dumps({"admin": secrets.token_urlsafe(12)}))
        return str(json.loads(kept.read_text())["admin"])

    def is_alive(self) -> bool:
        """Whether the process we started still runs."""
        return self._process is not None and self._process.poll() is None

    def _sign_in(self) -> str:
        body = {"username": "admin", "password": self.password()}
        return _request("POST", f"{self.url}/auth/token", body, {"Content-Type": "application/json"})["access_token"]

    def _secret(self) -> str:
        kept = self.home / "secret"
        if not kept.exists():
            kept.touch(mode=0o600)
            kept.write_text(secrets.token_urlsafe(32))
        return kept.read_text()

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


@contextlib.contextmanager
def scheduled(scheduler: Scheduler, *, live_from: date | None) -> Iterator[Scheduler]:
    """Start Airflow and stop it at the end, whatever happens in between."""
    scheduler.start(live_from=live_from)
    try:
        yield scheduler
    finally:
        scheduler.stop()


def _request(method: str, url: str, body: dict[str, Any] | None, headers: dict[str, str]) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def _is_another(pid: int, created: float) -> bool:
    """Whether the number now belongs to a process that is not the one we started."""
    try:
        return abs(psutil.Process(pid).create_time() - created) > 1
    except psutil.NoSuchProcess:
        return False


def _stop_group(leader: int, *, patience: float) -> None:
    """Signal a whole session: SIGINT, then SIGTERM, then SIGKILL to what is left."""
    for kind, seconds in ((signal.SIGINT, patience), (signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        members = _session(leader)
        for each in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(kind)
        if not psutil.wait_procs(members, timeout=seconds)[1] and not _session(leader):
            return


def _session(leader: int) -> list[psutil.Process]:
    """Return the living processes whose session was opened by `leader`."""
    found = []
    for each in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getsid(each.pid) == leader and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found
