"""A known date is read from what the customer's features say, and put off by a newer event."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from detectors.issue import Issue
from detectors.known_date import DETECTOR

ISSUE = Issue(name="i", description="d", gap_days=1, horizon_days=14, capacity=3, trouble={"event": "s.k"})
CARD = {"since": "notice", "after_days": 21, "unless_since": "renewed", "reason": "The card expires"}


def rows(*columns):
    return np.array(columns, dtype=np.float32).T


def days(stated, *columns):
    model = DETECTOR.tuned("i.toml", stated).untrained(ISSUE)
    return model.calendar.days_left(rows(*columns)).tolist()


def test_a_date_so_many_days_after_an_event_unless_a_newer_one_put_it_off():
    notice, renewed = [3, 20, 30, np.nan, 10, 10], [np.nan, 90, np.nan, np.nan, 2, 15]

    assert days(CARD, notice, renewed) == pytest.approx([18, 1, -9, np.nan, np.nan, 11], nan_ok=True)


def test_a_quota_runs_out_at_the_pace_of_late():
    quota = {"amount": "left_gb", "pace": "used_gb_28d", "pace_days": 28}

    assert days(quota, [10, 10, 0], [56, 0, 28]) == pytest.approx([5, np.nan, 0], nan_ok=True)


def test_a_feature_may_count_the_days_itself():
    assert days({"left": "contract_days"}, [40, 3]) == [40, 3]


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({}, "got nothing. Give exactly one of"),
        ({"since": "a"}, "got since. Give exactly one of"),
        ({"left": "a", "since": "b", "after_days": 3}, "got after_days, left, since"),
        ({"left": "a", "unless_since": "b"}, "unless_since: got 'b' without since"),
        ({"left": "a", "within_days": -1}, "within_days: Input should be greater than 0, got -1"),
    ],
)
def test_one_way_to_know_the_date_is_asked_for(stated, says):
    with pytest.raises(ConfigError, match=says):
        DETECTOR.tuned("i.toml: known_date", stated).check("i.toml: known_date", ISSUE)


@given(st.floats(-50, 80, width=32))
def test_it_speaks_only_of_dates_ahead_and_within_its_reach(left):
    model = DETECTOR.tuned("i.toml", {"left": "contract_days"}).untrained(ISSUE)

    assert (model.cells(rows([left]))[0] >= 0) == (0 <= left <= 15)


def test_it_learns_how_often_the_date_hurts_and_how_long_after_it(examples):
    known = examples(n=4000)
    left = np.random.default_rng(0).uniform(0, 15, 4000).astype(np.float32)
    hurts = known.numbers[:, 0] >= 1
    struck = hurts & (np.random.default_rng(1).random(4000) < 0.4)
    known = replace(known, features=("contract_days",), numbers=np.where(hurts, left, np.nan)[:, None].astype(np.float32),
                    struck=struck, lag_days=np.where(struck, left + 2, np.nan).astype(float))  # fmt: skip

    model = DETECTOR.tuned("i.toml", {"left": "contract_days"}).fit(ISSUE, known, known.of(known.cutoff > 1))

    p = model.probability(rows([1, 7, 14, np.nan]), np.zeros(4, dtype=np.int64))
    assert p[:3] == pytest.approx([0.4, 0.4, 0.4], abs=0.05)
    assert p[3] == 0
    assert model.days_until(rows([5.0]), np.zeros(1, dtype=np.int64)) == pytest.approx([7], abs=0.01)
    assert DETECTOR.tuned("i.toml", CARD).untrained(ISSUE).said({"notice": 3, "renewed": None}) == ["The card expires: in 18 days"]
