"""The fault run in small: every phase, counted by the provider; and the bug it must find."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def faults(*arguments):
    command = [sys.executable, "-m", "bench.faults", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
    assert done.stdout.strip(), done.stderr[-3000:]
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stdout


def test_after_every_fault_nothing_came_twice_and_nothing_is_lost():
    code, counts, told = faults("--small")

    assert (code, counts["duplicates"], counts["unaccounted"]) == (0, 0, 0), told
    assert counts["kills"] >= 25
    assert counts["received"] > 500
    assert "uncertain" in counts


def test_a_sender_that_records_before_it_claims_is_found_out():
    code, counts, told = faults("--small", "--only", "kill", "--kills", "15", "--record-before-claim")

    assert code == 1, told
    assert counts["duplicates"] > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_after_five_hundred_kills_and_the_rest_nothing_came_twice_and_nothing_is_lost():
    code, counts, told = faults()

    assert (code, counts["duplicates"], counts["unaccounted"]) == (0, 0, 0), told
    assert counts["kills"] >= 500
    assert counts["received"] > 10_000
