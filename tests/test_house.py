"""The house keeps its own rules: imports one way, everything pinned, nothing that belongs to one machine."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1]
LOCKS = sorted((HOUSE / "requirements").glob("*.lock"))
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text())
ROOMS = PROJECT["tool"]["importlinter"]["root_packages"]
NOT_PORTABLE = {
    "a registry's host": r"pypi[.]org|python[h]osted|registry[.]npm|--(extra-)?index-url \w+:|/[s]imple/",
    "a path of one machine": r"(?<![\w.~/-])/(work|root|home/\w+|Users/\w+|opt|mnt|tmp)/[\w.]",
}
TEXT = {".py", ".toml", ".md", ".lock", ".sh", ".yaml", ".yml", ".html", ".css", ".js", ".txt", ".mako", ""}


def tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=HOUSE, capture_output=True, text=True, check=True).stdout.split("\n")
    return [HOUSE / name for name in listed if name and (HOUSE / name).is_file() and Path(name).suffix in TEXT]


def pins(lock):
    """Each package of a lock with its version and its hashes."""
    text = re.sub(r"^#.*\n", "", lock.read_text(), flags=re.MULTILINE)
    entries = re.split(r"\n(?=[a-z0-9])", text.strip(), flags=re.IGNORECASE)
    for entry in entries:
        name, version = re.match(r"([\w.-]+(?:\[[\w,-]+\])?)==([^\s;\\]+)", entry).groups()
        yield name, version, re.findall(r"--hash=sha256:[0-9a-f]{64}", entry)


def lint_imports(folder):
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("core/wrong.py", "import ledger.flags", "Data flows one way"),
        ("outreach/wrong.py", "import loyalty", "Data flows one way"),
        ("feature_store/wrong.py", "import ledger.flags", "Data flows one way"),
        ("console/wrong.py", "import airflow", "Only dags know Airflow"),
        ("feature_store/features/wrong.py", "import sqlalchemy", "Features and detectors never touch the database"),
        ("loyalty/wrong.py", "import simulator", "The made company and the benches"),
    ],
)
def test_an_import_against_the_order_is_caught(tmp_path, file, line, contract):
    for room in ROOMS:
        shutil.copytree(HOUSE / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOUSE / "pyproject.toml", tmp_path)
    (tmp_path / file).write_text(f'"""A file that should not be."""\n\n{line}\n')
    status, said = lint_imports(tmp_path)
    assert status != 0
    assert re.search(rf"{contract}.*BROKEN", said), said


def test_every_room_of_python_is_under_the_contracts_and_in_the_package():
    found = {path.parent.name for path in HOUSE.glob("*/__init__.py")} - {"tests"}
    assert found == set(ROOMS)
    assert found <= set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert found == set(PROJECT["tool"]["mypy"]["files"])


@pytest.mark.parametrize("what", NOT_PORTABLE)
def test_no_file_names(what):
    found = [f"{path.relative_to(HOUSE)}: {match.group()}" for path in tracked() for match in
             re.finditer(NOT_PORTABLE[what], path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda p: p.stem)
def test_every_locked_package_has_hashes(lock):
    assert [name for name, _, hashes in pins(lock) if not hashes] == []


@pytest.mark.parametrize("lock", [lock for lock in LOCKS if lock.stem not in ("core", "bootstrap") and not lock.stem.startswith("peers-")], ids=lambda p: p.stem)
def test_an_extra_is_locked_to_the_same_versions_as_the_core(lock):
    core = {name: version for name, version, _ in pins(HOUSE / "requirements" / "core.lock")}
    mine = {name: version for name, version, _ in pins(lock)}
    assert {name: mine.get(name) for name in core} == core


def test_every_dependency_is_locked():
    named = {re.match(r"[\w-]+", wanted).group() for wanted in PROJECT["project"]["dependencies"]}
    locked = {name.partition("[")[0] for name, _, _ in pins(HOUSE / "requirements" / "core.lock")}
    assert named <= locked
    peers = {path.stem for path in (HOUSE / "requirements").glob("peers-*.in")}  # they live in environments of their own
    assert {lock.stem for lock in LOCKS} - peers == {"core", "bootstrap", *PROJECT["project"]["optional-dependencies"]}


def test_make_help_lists_every_target_a_person_may_call():
    phony = re.search(r"^\.PHONY: (.*)$", (HOUSE / "Makefile").read_text(), re.MULTILINE).group(1).split()
    said = subprocess.run(["make", "-s", "help"], cwd=HOUSE, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in said.splitlines()} == set(phony) - {"setup-dev"}


def test_what_is_written_while_running_is_not_tracked():
    listed = subprocess.run(["git", "ls-files", "var", ".venv", "*.pyc", "*.egg-info"], cwd=HOUSE, capture_output=True, text=True,
                            check=True).stdout
    assert listed == ""
