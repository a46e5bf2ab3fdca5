"""Set-up says in plain words what a machine lacks, and does nothing when all is there."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1]
TOOLS = ("sh", "dirname", "cat", "df", "awk", "grep", "rm", "mkdir", "cksum")


@pytest.fixture
def machine(tmp_path):
    """A copy of the set-up in a folder, and an empty PATH to put this machine's programs on."""
    (tmp_path / "bin").mkdir()
    shutil.copytree(HOUSE / "requirements", tmp_path / "house" / "requirements")
    shutil.copy(HOUSE / "pyproject.toml", tmp_path / "house")
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    return tmp_path


def program(machine, name, body):
    path = machine / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!{shutil.which('sh')}\n{body}\n")
    path.chmod(0o755)


def python(machine, name="python3", version="3.12.1", fits=True, venv=True):
    """A program that answers as a Python of that version would."""
    program(machine, name, f"""case "$*" in
        --version) echo "Python {version}" ;;
        *sys.exit*) exit {int(not fits)} ;;
        *ensurepip*) exit {int(not venv)} ;;
        *) echo "python{version.rpartition('.')[0]}-venv" ;;
    esac""")


def set_up(machine, *locks, **environment):
    done = subprocess.run(["sh", "requirements/setup.sh", *(locks or ("core",))], cwd=machine / "house", text=True,
                          capture_output=True, check=False, env={"PATH": str(machine / "bin"), **environment})
    return done.returncode, done.stdout + done.stderr


def test_no_python_at_all(machine):
    status, said = set_up(machine)
    assert status == 1
    assert "no Python from 3.11 to 3.13 was found (there is: no python3 at all)" in said
    assert "apt install python3" in said


@pytest.mark.parametrize("version", ["3.9.18", "3.14.0"])
def test_a_python_too_old_or_too_new(machine, version):
    python(machine, version=version, fits=False)
    status, said = set_up(machine)
    assert status == 1
    assert f"no Python from 3.11 to 3.13 was found (there is: Python {version})" in said


def test_a_python_one_named_that_does_not_fit(machine):
    python(machine)
    python(machine, name="old", version="3.8.2", fits=False)
    status, said = set_up(machine, PYTHON="old")
    assert status == 1
    assert "PYTHON=old is not a Python from 3.11 to 3.13.\n  It says: Python 3.8.2" in said


def test_no_venv_module(machine):
    python(machine, venv=False)
    status, said = set_up(machine)
    assert status == 1
    assert "python3 has no venv module." in said
    assert "python3.12-venv" in said


def test_a_full_disk(machine):
    python(machine)
    program(machine, "df", "echo header; echo disk 100 90 1048576 90% /")
    status, said = set_up(machine)
    assert status == 1
    assert "3000 MB of disk are needed here and 1024 MB are free." in said
    assert not (machine / "house" / ".venv").exists()


def test_what_is_installed_is_left_alone(machine):
    venv = machine / "house" / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(shutil.which("true"))
    parts = [machine / "house" / name for name in
             ("requirements/bootstrap.lock", "requirements/core.lock", "pyproject.toml", "requirements/setup.sh")]
    stamp = subprocess.run("cat " + " ".join(map(str, parts)) + " | cksum", shell=True, capture_output=True, check=True).stdout
    (venv / "installed-core").write_bytes(stamp)
    before = sorted(os.listdir(venv))
    assert set_up(machine) == (0, "")
    assert sorted(os.listdir(venv)) == before
