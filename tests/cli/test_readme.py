"""Every command in the README runs as it stands there; the two long ones in a fresh clone (slow)."""

import os
import random
import re
import shlex
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (HOUSE / "README.md").read_text(), flags=re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.strip().splitlines()]
OURS = [line for line in COMMANDS if line.startswith("beforehand ")]
TARGETS = [line for line in COMMANDS if line.startswith("make ")]


def test_the_readme_holds_nothing_but_our_command_and_make():
    assert COMMANDS
    assert set(COMMANDS) == {*OURS, *TARGETS}


@pytest.mark.parametrize("command", TARGETS)
def test_a_make_target_of_the_readme_exists(command):
    planned = subprocess.run([*shlex.split(command), "-n"], cwd=HOUSE, capture_output=True, text=True, check=False)
    assert planned.returncode == 0, planned.stderr


@pytest.fixture
def newcomer(tmp_path, settings):
    """An empty folder with a file of events a day, as a newcomer would have them."""
    chance = random.Random(4)
    (tmp_path / "data").mkdir()
    for n in range(200):
        day = date(2025, 9, 15) + timedelta(days=n)
        rows = [
            f"{day}-{c},{day}T{9 + c % 9:02}:00:00Z,a{c},{kind}"
            for c in range(40)
            for kind in ["complaint" if chance.random() < 0.02 else "visit"]
            if chance.random() < 0.5
        ]
        (tmp_path / "data" / f"events-{day}.csv").write_text("id,created_at,account,type\n" + "\n".join(rows) + "\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return tmp_path, os.environ | {"PATH": path}


def test_the_ten_minutes_from_nothing_to_a_run_on_ones_own_data(newcomer):
    folder, environment = newcomer
    for command in OURS:
        done = subprocess.run(shlex.split(command), cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert (folder / "mycompany" / "sources" / "events.toml").exists()
    assert "visit" in (folder / "mycompany" / "sources" / "events.toml").read_text()
