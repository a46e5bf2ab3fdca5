"""What to do with a playbook follows from its promised reading by a stated rule, and from nothing else."""

import pytest

from loyalty.advice import RULE, advice


def reading(low, high, *, outcome="retained", matters=0.02, state="readable", why=None, stages=()):
    return {"state": state, "why": why, "outcome": outcome, "low": low, "high": high,
            "detail": {"smallest_effect": matters, "stages": list(stages)}}  # fmt: skip


@pytest.mark.parametrize(("low", "high", "do"), [
    (0.01, 0.05, "keep"), (0.03, 0.05, "keep"), (0.001, 0.02, "keep"), (0.001, 0.019, "change"), (-0.01, 0.019, "change"),
    (-0.05, -0.001, "stop"), (-0.01, 0.05, "wait"), (0.0, 0.05, "wait"),
])  # fmt: skip
def test_the_interval_and_what_matters_decide(low, high, do):
    assert advice(reading(low, high)).do == do


@pytest.mark.parametrize(("low", "high", "do"), [(-0.5, -0.1, "keep"), (-0.15, -0.05, "change"), (0.1, 0.5, "stop"), (-0.5, 0.1, "wait")])
def test_of_contacts_fewer_are_better(low, high, do):
    assert advice(reading(low, high, outcome="contacts", matters=0.2)).do == do


def test_a_harm_alarm_stops_whatever_was_read():
    found = advice(reading(0.01, 0.05), harm="retained after 1 month: -0.04")
    assert (found.do, "-0.04" in found.why) == ("stop", True)


@pytest.mark.parametrize(("state", "says"), [("not_yet", "is not due: later"), ("unreadable", "cannot be made: later")])
def test_without_a_reading_one_waits_and_is_told_why(state, says):
    found = advice(reading(None, None, state=state, why="later"))
    assert (found.do, says in found.why) == ("wait", True)


def test_an_unfair_draw_is_never_believed():
    unfair = {"stage": "assigned", "contact": 900, "hold_out": 500, "p": 1e-9}
    found = advice(reading(0.01, 0.05, stages=[unfair]))
    assert (found.do, "900 to 500" in found.why) == ("wait", True)


def test_nothing_promised_is_nothing_to_judge():
    assert advice(None).do == "wait"
    assert all(word in RULE for word in ("Keep:", "Change:", "Stop:", "Wait:"))
