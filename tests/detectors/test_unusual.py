"""What is unusual: rare among peers, or unlike the customer's own past; named a rank, or a probability where that was learned."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.issue import Issue
from detectors.unusual import DETECTOR, changes, surprise

ISSUE = Issue(name="i", description="d", horizon_days=14, capacity=3, trouble={"event": "s.k"})
FEATURES = ("app__error__count_7d", "app__error__count_28d", "app__session__count_7d", "app__session__count_28d",
            "app__minutes__mean_28d", "app__tenure_days", "plan__is_a")  # fmt: skip


@pytest.fixture(scope="module")
def usual(examples):
    """Peers who use the app at their own pace and seldom meet an error."""
    known, rng = examples(n=4000), np.random.default_rng(0)
    pace = rng.gamma(3, 1, 4000)
    errors = rng.poisson(0.05, (2, 4000)).cumsum(axis=0)
    sessions = np.array([rng.poisson(pace), rng.poisson(3 * pace)]).cumsum(axis=0)
    columns = [*errors, *sessions, rng.normal(12, 3, 4000), rng.uniform(0, 900, 4000), rng.integers(0, 2, 4000)]
    return replace(known, features=FEATURES, numbers=np.column_stack(columns).astype(np.float32))


@pytest.fixture(scope="module")
def model(usual):
    unlabelled = replace(usual, struck=np.zeros(4000, dtype=bool))
    return DETECTOR.fit(ISSUE, unlabelled.of(unlabelled.cutoff < 2), unlabelled.of(unlabelled.cutoff >= 2))


def rank(model, **changed):
    row = {"app__error__count_7d": 0, "app__error__count_28d": 0, "app__session__count_7d": 3, "app__session__count_28d": 12,
           "app__minutes__mean_28d": 12, **changed}  # fmt: skip
    return model.rank(np.array([[row[name] for name in model.features]], dtype=np.float32))[0]


def test_rare_among_peers_or_unlike_ones_own_past_is_unusual_and_standing_is_not(model):
    assert model.features == FEATURES[:5], "how long a customer has been there, and on which plan, is no behaviour"
    assert rank(model) < 0.6
    assert rank(model, app__error__count_7d=4, app__error__count_28d=4) > 0.98
    assert rank(model, app__session__count_7d=0, app__session__count_28d=30) > 0.97, "as many as others use it, but not this one"
    assert rank(model, app__session__count_7d=7, app__session__count_28d=30) < 0.9


def test_without_a_label_all_have_one_probability_and_the_order_is_called_a_rank(model, usual):
    p = model.probability(usual.numbers[:, :5], usual.half)

    assert np.ptp(p) == 0
    assert p[0] < 1e-4
    assert model.rank(usual.numbers[:, :5]).min() >= 0
    assert np.quantile(model.rank(usual.numbers[:, :5]), 0.5) == pytest.approx(0.5, abs=0.05)


def test_what_moved_a_customer_is_what_is_rare_about_them(model):
    numbers = np.array([[4, 4, 3, 12, 12]], dtype=np.float32)

    moved = model.moved_by(numbers, np.zeros(1, dtype=np.int64))[0]

    assert model.features[int(moved.argmax())].startswith("app__error")


def test_only_the_features_it_was_told_of_count(usual):
    told = DETECTOR.tuned("i.toml", {"of": ["app__session"]}).fit(ISSUE, usual, usual)

    assert told.features == FEATURES[2:4]


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=20))
def test_surprise_is_never_negative_grows_outwards_and_is_none_where_missing(values):
    grid = np.sort(np.random.default_rng(0).normal(size=1000))
    ordered = np.sort(np.abs(np.array(values)))

    found = surprise(grid, np.concatenate([ordered, [np.nan]]))

    assert (found >= 0).all()
    assert found[-1] == 0
    assert (np.diff(surprise(grid, ordered + grid.mean())) >= -0.2).all()
    assert found.max() <= np.log(500) + 1e-9


def test_a_count_is_held_against_its_longest_window():
    found = changes(("a__x__count_7d", "a__x__count_90d", "a__x__count_28d", "a__distinct_days_28d", "a__x__sum_7d"))

    assert [(c.short, c.long) for c in found] == [(0, 1), (2, 1)]
