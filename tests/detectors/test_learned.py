"""The learned detector: nobody is scored by trees that saw them, and what moved them adds up."""

import numpy as np
import pytest

from detectors.issue import Issue
from detectors.learned import DETECTOR, calibrated, calibration_of, drawn, grow, raw

ISSUE = Issue(name="i", description="d", horizon_days=14, capacity=3, trouble={"event": "s.k"})


@pytest.fixture(scope="module")
def model(examples):
    known = examples()
    return DETECTOR.fit(ISSUE, known.of(known.cutoff < 2), known.of(known.cutoff >= 2))


def test_what_moved_a_customer_adds_up_to_their_log_odds(model, examples):
    later = examples(1).of(np.arange(3000) < 200)
    odds, moved = raw(model.trees, later.numbers, later.half), model.moved_by(later.numbers, later.half)

    for half in (0, 1):
        base = (odds - moved.sum(axis=1))[later.half == half]
        assert base == pytest.approx(base[0], abs=1e-6)
    assert np.abs(moved).mean(axis=0).argmax() == later.features.index("failures")


def test_a_customer_is_scored_by_the_trees_that_did_not_learn_from_their_half(model, examples):
    known = examples()
    train = known.of(known.cutoff < 2)
    from_the_other = grow(train, np.flatnonzero(train.half == 1)).decision_function(known.numbers)

    odds = raw(model.trees, known.numbers, known.half)

    assert np.array_equal(odds[known.half == 0], from_the_other[known.half == 0])


def test_rows_are_drawn_as_often_as_they_weigh():
    weight = np.ones(1000)
    weight[:10] = 10.0

    all_of_them = drawn(np.arange(10), 500, np.ones(10))
    some = drawn(np.arange(1000), 109, weight)

    assert all_of_them.tolist() == list(range(10))
    assert len(some) == 109
    assert (some < 10).sum() == pytest.approx(109 * 100 / 1090, abs=1)


@pytest.mark.parametrize("troubles", [300, 3000])
def test_calibration_is_right_on_average_with_little_and_with_much_data(troubles):
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 1, troubles * 8)
    struck = rng.random(len(odds)) < 1 / (1 + np.exp(-(odds - 2)))

    p = calibrated(calibration_of(odds, struck, np.ones(len(odds))), odds)

    assert p.mean() == pytest.approx(struck.mean(), rel=0.02)
    assert p[odds > 1].mean() == pytest.approx(struck[odds > 1].mean(), rel=0.1)
    assert (np.diff(p[np.argsort(odds)]) >= 0).all()
