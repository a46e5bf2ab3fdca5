"""The hazard says when: customers about to be struck sooner have fewer days to go, and its days are right on average."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.hazard import DETECTOR, _periods
from detectors.issue import Issue

ISSUE = Issue(name="i", description="d", gap_days=1, horizon_days=14, capacity=3, trouble={"event": "s.k"})


@pytest.fixture(scope="module")
def timed(examples):
    """Examples in which many failures strike within days, and few later."""

    def make(seed=0):
        known, rng = examples(seed, n=6000), np.random.default_rng(seed + 9)
        soon = known.numbers[:, 0] >= 2
        lag = np.where(soon, rng.uniform(1, 5, 6000), rng.uniform(7, 15, 6000))
        return replace(known, lag_days=np.where(known.struck, lag, np.nan))

    return make


def test_the_expected_days_are_those_of_the_struck(timed):
    known, later = timed(), timed(1)
    model = DETECTOR.fit(ISSUE, known.of(known.cutoff < 2), known.of(known.cutoff >= 2))

    days = model.days_until(later.numbers, later.half)

    for soon in (True, False):
        mine = later.struck & ((later.numbers[:, 0] >= 2) == soon)
        assert days[mine].mean() == pytest.approx(later.lag_days[mine].mean(), abs=1.0)
    strikes = model.strikes(later.numbers, later.half)
    assert ((strikes >= 0) & (strikes.sum(axis=1, keepdims=True) <= 1)).all()


def test_each_row_lives_through_the_stretches_until_it_is_struck(timed):
    known = timed()
    edges = np.linspace(1, 15, 5)
    rows = np.concatenate([np.flatnonzero(known.struck)[:50], np.flatnonzero(~known.struck)[:50]])

    numbers, hit, weight = _periods(known, rows, np.ones(100), edges)

    assert hit.sum() == 50
    expected = np.where(known.struck[rows], np.floor((np.nan_to_num(known.lag_days[rows]) - 1) / 3.5) + 1, 4).sum()
    assert len(hit) == len(numbers) == len(weight) == expected
