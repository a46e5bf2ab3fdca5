"""A sender killed at the worst moment loses nothing, repeats nothing, and leaves every doubt in the open."""

import multiprocessing
import os
import signal
import time
from functools import partial
from random import Random

from ledger import database
from outreach.plan import plan_day
from outreach.reconcile import reconcile
from outreach.send import send_due
from tests.outreach.house import DAY, NOW, minutes

# A fork starts at once and is killed like any other process.
PROCESSES = multiprocessing.get_context("fork")


def start(house, now):
    """Start a sender in a process of its own, with connections of its own."""
    process = PROCESSES.Process(target=_send, args=(house, now), daemon=True)
    process.start()
    return process


def _send(house, now):
    database.engine(house.settings).dispose(close=False)
    send_due(now=now, settings=house.settings)


def died(process):
    """Wait for a process; return whether it was killed."""
    process.join(60)
    return process.exitcode == -signal.SIGKILL


def kill_at(provider, request, pid):
    """Kill a sender when the provider has taken a request and not answered it yet."""
    if len(provider.requests) == request:
        os.kill(pid, signal.SIGKILL)


def plan(house, size):
    house.playbook(holdout=1e-9)
    house.crowd(size)
    plan_day(day=DAY, now=NOW, settings=house.settings)


def test_killed_between_the_call_and_the_record_a_batch_is_a_doubt_and_never_sent_again(house, provider):
    provider.settings(house, timeout=30, batch=20)
    plan(house, 200)
    now, kills = NOW, 0
    for die_at in (1, 3, 2, 1):
        taken = len(provider.requests)
        with provider.lock:  # no request is answered before the test knows whom to kill
            sender = start(house, now)
            provider.on_take = partial(kill_at, provider, taken + die_at, sender.pid)
        kills += died(sender)
        now += minutes(10)
    provider.on_take = lambda: None
    for after in (0, 10, 600):
        send_due(now=now + minutes(after), settings=house.settings)

    assert kills == 4
    assert house.states() == {"uncertain": 20 * kills, "accepted": 200 - 20 * kills}
    assert provider.received == {m.key: 1 for m in house.messages()}, "every message arrived once, the doubtful ones too"
    found = reconcile(house.settings).row(0, named=True)
    assert (found["flagged"], found["sent"], found["uncertain"]) == (200, 120, 80)


def test_killed_at_any_moment_the_mailbox_ends_with_each_message_once(house):
    house.configure("[outreach]\nbatch = 10")
    plan(house, 400)
    random, now, killed = Random(7), NOW, 0
    for _ in range(5):
        process = start(house, now)
        time.sleep(random.uniform(0.05, 0.4))
        process.kill()
        killed += died(process)
        now += minutes(10)
    send_due(now=now, settings=house.settings)

    assert killed
    assert house.states() == {"accepted": 400}
    files = [file for file in house.mailbox() if file.suffix == ".eml" and not file.name.startswith(".")]
    assert {file.stem for file in files} == {m.key for m in house.messages()}
    assert all(file.read_bytes().endswith(b"--\r\n") for file in files), "every file is whole"
    assert reconcile(house.settings)["sent"].sum() == 400
