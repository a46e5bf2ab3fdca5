"""A peer's environment is made once, from its lock alone, and holds none of our packages."""

import subprocess
import sys

import pytest

from bench import environment as room
from core.errors import ConfigError, MissingError


@pytest.fixture
def peers(tmp_path, monkeypatch):
    """A cache and a folder of locks of our own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(room, "LOCKS", tmp_path)
    return tmp_path


def test_an_environment_is_made_once_and_holds_nothing_of_ours(peers):
    (peers / "peers-none.lock").write_text("")

    python = room.environment("none")
    made = python.lstat().st_mtime_ns
    found = subprocess.run([python, "-c", "import polars"], check=False, capture_output=True, text=True)

    assert python != sys.executable
    assert "No module named 'polars'" in found.stderr
    assert room.environment("none").lstat().st_mtime_ns == made


def test_one_whose_making_was_interrupted_is_made_again(peers):
    (peers / "peers-none.lock").write_text("")
    python = room.environment("none")
    (python.parents[1] / "ready").unlink()
    python.unlink()

    assert room.environment("none").exists()


def test_a_changed_lock_makes_another_environment(peers):
    lock = peers / "peers-none.lock"
    lock.write_text("")
    first = room.environment("none")
    lock.write_text("# changed\n")

    assert room.environment("none") != first


def test_an_unknown_name_is_told_the_nearest(peers):
    (peers / "peers-feast.lock").write_text("")

    with pytest.raises(ConfigError, match="environment 'faest' does not exist. Did you mean 'feast'"):
        room.environment("faest")


def test_a_package_whose_hash_differs_is_not_installed(peers):
    (peers / "peers-bad.lock").write_text("idna==3.10 --hash=sha256:" + "0" * 64 + "\n")

    with pytest.raises(MissingError, match=r"peers-bad.lock: could not be installed"):
        room.environment("bad")
    assert not list((peers / "cache").rglob("ready"))
