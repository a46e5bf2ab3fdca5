"""Promises that every kind of detector keeps; a new file is covered the day it lands."""

from importlib import import_module

import numpy as np
import pytest
import skops.io

import detectors
from core.registry import discover
from detectors.issue import Issue
from detectors.models import TRUSTED

KINDS = discover(detectors, "DETECTOR")
ISSUE = Issue(name="i", description="d", horizon_days=14, capacity=3, trouble={"event": "s.k"},
              rule={"when": ["failures >= 2", "noise < 3"], "reason": "Cards fail."})  # fmt: skip


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS.keys())
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def model(kind, examples):
    known = examples()
    return kind.fit(ISSUE, known.of(known.cutoff < 2), known.of(known.cutoff >= 2))


def given(model, known):
    return known.numbers[:, [known.features.index(name) for name in model.features]], known.half


def test_it_says_in_one_line_what_it_is(kind):
    assert import_module(f"detectors.{kind.name}").__doc__.count("\n") == 0


def test_it_gives_probabilities(model, examples):
    p = model.probability(*given(model, examples(1)))

    assert p.shape == (3000,)
    assert ((p >= 0) & (p <= 1)).all()


def test_it_is_right_about_how_often_it_is_right(model, examples):
    later = examples(1)
    p = model.probability(*given(model, later))
    sure = p >= np.quantile(p[p > 0], 0.5)

    assert later.struck[sure].mean() == pytest.approx(p[sure].mean(), abs=0.06)
    assert later.struck[sure].mean() > 1.5 * later.struck.mean()


def test_the_same_customers_get_the_same_probability_in_any_order_and_company(model, examples):
    numbers, half = given(model, examples(1))
    order = np.random.default_rng(3).permutation(len(numbers))[:500]

    assert np.array_equal(model.probability(numbers, half)[order], model.probability(numbers[order], half[order]))


def test_the_same_examples_teach_the_same_model(kind, model, examples):
    known = examples()
    again = kind.fit(ISSUE, known.of(known.cutoff < 2), known.of(known.cutoff >= 2))
    numbers, half = given(model, examples(1))

    assert np.array_equal(again.probability(numbers, half), model.probability(numbers, half))


def test_it_tells_for_every_feature_how_far_it_moved_every_customer(model, examples):
    numbers, half = given(model, examples(1))

    moved = model.moved_by(numbers[:50], half[:50])

    assert moved.shape == (50, len(model.features))
    assert np.isfinite(moved).all()


def test_it_can_be_kept_and_restored_from_trusted_parts_alone(kind, model, examples):
    content = skops.io.dumps(model.parts())
    assert set(skops.io.get_untrusted_types(data=content)) <= set(TRUSTED)

    again = kind.restore(model.features, skops.io.loads(content, trusted=TRUSTED))

    numbers, half = given(model, examples(1))
    assert np.array_equal(again.probability(numbers, half), model.probability(numbers, half))


def test_without_examples_it_says_so_or_flags_as_it_stands(kind):
    untrained = kind.untrained(ISSUE)

    assert (untrained is None) == kind.learns
