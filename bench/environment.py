"""Environments of their own for peers that cannot live with our versions, made once in the user's cache folder."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ConfigError, MissingError, unknown_name

LOCKS = Path(__file__).parents[1] / "requirements"
PREFIX = "peers-"


def environment(name: str) -> Path:
    """Return the Python of the environment locked in requirements/peers-<name>.lock; make it first where it is not there.

    Raise ConfigError for a name without a lock, MissingError when the packages could not be installed.
    """
    lock = _lock_of(name)
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    home = cache("peers") / f"{name}-{digest}-py{sys.version_info.major}.{sys.version_info.minor}"
    with _alone(home.with_suffix(".making")):
        if not (home / "ready").exists():
            _make(home, lock)
    return _python(home)


def cache(*parts: str) -> Path:
    """Return a folder below the user's cache folder (XDG_CACHE_HOME, default ~/.cache), made if it is not there."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beforehand" / Path(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _lock_of(name: str) -> Path:
    lock = LOCKS / f"{PREFIX}{name}.lock"
    if not lock.exists():
        known = [path.stem.removeprefix(PREFIX) for path in LOCKS.glob(f"{PREFIX}*.lock")]
        raise ConfigError(unknown_name(LOCKS, "environment", name, known))
    return lock


def _make(home: Path, lock: Path) -> None:
    """Install from scratch what the lock names; only wheels whose hashes it knows."""
    shutil.rmtree(home, ignore_errors=True)
    _run(lock, "venv", "--quiet", "--python", sys.executable, str(home))
    _run(lock, "pip", "install", "--quiet", "--python", str(_python(home)), "--require-hashes", "-r", str(lock))
    (home / "ready").touch()


def _run(lock: Path, *words: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run([uv if uv.exists() else "uv", *words], check=False, capture_output=True, text=True)
    if done.returncode:
        raise MissingError(f"{lock}: could not be installed. Is there a network?\n{done.stderr.strip()}")


def _python(home: Path) -> Path:
    return home / "bin" / "python"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time make an environment; the others wait for it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
