"""Promises that every kind of detector keeps; a new file is covered the day it lands."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator, clone

import detectors
from core.errors import ConfigError
from core.registry import discover
from detectors.detector import Detector
from detectors.issue import Issue
from detectors.models import TRUSTED
from detectors.release import OWN, TIMES

KINDS = discover(detectors, "DETECTOR")
ISSUE = Issue(name="i", description="d", horizon_days=14, capacity=3, trouble={"event": "s.k"})
TUNED = {  # what a kind must be told before it can watch; any other kind is taken as it is
    "rule": {"when": ("failures >= 2", "noise < 3"), "reason": "Cards fail."},
    "known_date": {"since": "s__notice__recency_days", "after_days": 10, "reason": "The card expires"},
    "release": {"source": "s"},
}


@pytest.fixture(scope="module")
def known(examples):
    """Make examples with what any kind may look at: counts by window, days since a notice, signs of a release."""

    def make(seed=0):
        plain, rng = examples(seed), np.random.default_rng(seed + 100)
        n, failures = len(plain.struck), plain.numbers[:, 0]
        mine = [failures, failures + rng.poisson(0.5, n), np.where(failures >= 1, rng.uniform(0, 12, n), np.nan),
                np.where(failures >= 2, 2.5, 1.0), failures, rng.integers(0, 2, n)]  # fmt: skip
        names = ("s__failure__count_7d", "s__failure__count_90d", "s__notice__recency_days", TIMES, OWN, "s__plan__is_a")
        numbers = np.column_stack([plain.numbers, *mine]).astype(np.float32)
        lag = np.where(plain.struck, np.where(failures >= 2, 3.0, 11.0), np.nan)
        return replace(plain, features=(*plain.features, *names), numbers=numbers, lag_days=lag)

    return make


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS.keys())
def kind(request):
    return request.param.tuned("i.toml", TUNED.get(request.param.name, {}))


@pytest.fixture(scope="module")
def model(kind, known):
    seen = known()
    return kind.fit(ISSUE, seen.of(seen.cutoff < 2), seen.of(seen.cutoff >= 2))


def given(model, known):
    return known.seeing(model.features).numbers, known.half


def test_it_says_in_one_line_what_it_is(kind):
    assert import_module(f"detectors.{kind.name}").__doc__.count("\n") == 0


def test_it_is_a_scikit_learn_estimator_whose_parameters_a_file_may_tune(kind):
    assert isinstance(kind, Detector)
    assert isinstance(kind, BaseEstimator)
    assert clone(kind).get_params() == kind.get_params()
    assert kind.tuned("i.toml", {}).get_params() == kind.get_params()
    kind.check("i.toml", ISSUE)


def test_a_parameter_that_does_not_exist_is_named_with_its_place(kind):
    with pytest.raises(ConfigError, match=rf"i.toml: detectors.{kind.name}: key 'nonsense' does not exist"):
        kind.tuned(f"i.toml: detectors.{kind.name}", {"nonsense": 1})


def test_it_gives_probabilities(model, known):
    p = model.probability(*given(model, known(1)))

    assert p.shape == (3000,)
    assert ((p >= 0) & (p <= 1)).all()


def test_it_is_right_about_how_often_it_is_right(model, known):
    later = [known(seed) for seed in range(1, 5)]
    p = np.concatenate([model.probability(*given(model, each)) for each in later])
    struck = np.concatenate([each.struck for each in later])
    sure = p >= np.quantile(p, 0.9)

    assert struck[sure].mean() == pytest.approx(p[sure].mean(), abs=0.06)
    assert struck[sure].mean() > 1.5 * struck.mean()
    assert p.mean() == pytest.approx(struck.mean(), rel=0.15)


def test_the_same_customers_get_the_same_probability_in_any_order_and_company(model, known):
    numbers, half = given(model, known(1))
    order = np.random.default_rng(3).permutation(len(numbers))[:500]

    assert np.array_equal(model.probability(numbers, half)[order], model.probability(numbers[order], half[order]))


def test_the_same_examples_teach_the_same_model(kind, model, known):
    seen = known()
    again = kind.fit(ISSUE, seen.of(seen.cutoff < 2), seen.of(seen.cutoff >= 2))
    numbers, half = given(model, known(1))

    assert np.array_equal(again.probability(numbers, half), model.probability(numbers, half))


def test_it_tells_for_every_feature_how_far_it_moved_every_customer(model, known):
    numbers, half = given(model, known(1))

    moved = model.moved_by(numbers[:50], half[:50])

    assert moved.shape == (50, len(model.features))
    assert np.isfinite(moved).all()


def test_days_until_it_hurts_lie_ahead_or_are_not_claimed(model, known):
    days = model.days_until(*given(model, known(1)))

    assert days is None or (days.shape == (3000,) and (np.isnan(days) | (days >= 0)).all() and not np.isnan(days).all())


def test_it_can_be_kept_and_restored_from_trusted_parts_alone(kind, model, known):
    content = skops.io.dumps(model.parts())
    assert set(skops.io.get_untrusted_types(data=content)) <= set(TRUSTED)

    again = kind.restore(model.features, skops.io.loads(content, trusted=TRUSTED))

    numbers, half = given(model, known(1))
    assert np.array_equal(again.probability(numbers, half), model.probability(numbers, half))


def test_without_examples_it_says_so_or_flags_as_it_stands(kind):
    untrained = kind.untrained(ISSUE)

    assert (untrained is None) == kind.learns
    assert untrained is None or not untrained.proven
