"""A model is used only as it was trained: same features, same libraries, same answers."""

import json

import numpy as np
import pytest
from sklearn.base import clone

from core.errors import ModelError
from detectors import models
from detectors.cases import Cases, unknown
from detectors.models import fits, load, store
from detectors.rule import DETECTOR, RuleModel
from feature_store.feature import Feature, Measure
from feature_store.feature_set import make_set

MODEL = RuleModel(("failures",), ("failures >= 2",), Cases((0.6,), 0.1, 50))
CARD = {"issue": "i", "detector": "rule", "lags": []}
SAMPLE = np.array([[0.0], [1.0], [2.0], [5.0], [np.nan]], dtype=np.float32)


def feature_set(on, days=28):
    failures = Feature("failures", Measure("billing", "count", days, kind="payment_failed"), empty=0)
    return make_set([failures, Feature("other", Measure("billing", "count", 7))], frozen_on=on, notes=[])


@pytest.fixture
def frozen(first_day):
    return feature_set(first_day)


@pytest.fixture
def kept(company, frozen):
    """The sha of a stored model, and its folder."""
    sha = store(company, MODEL, CARD, frozen, SAMPLE)
    return sha, company.root / "models" / sha


def edit(folder, **changes):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **changes}))


def test_what_was_stored_comes_back(company, frozen, kept):
    stored = load(company, kept[0], DETECTOR, frozen)

    assert (stored.model, stored.card["issue"]) == (MODEL, "i")


def test_the_same_model_has_the_same_sha_and_another_one_another(company, frozen, kept):
    assert store(company, MODEL, CARD, frozen, SAMPLE) == kept[0]
    assert store(company, RuleModel(("failures",), ("failures >= 2",), Cases((0.7,), 0.1, 50)), CARD, frozen, SAMPLE) != kept[0]


def test_a_feature_that_is_computed_differently_is_refused(company, frozen, kept, first_day):
    with pytest.raises(ModelError, match=r"feature 'failures' is defined differently in feature set .* Train again"):
        load(company, kept[0], DETECTOR, feature_set(first_day, days=30))
    assert fits(company, kept[0], frozen)
    assert not fits(company, kept[0], feature_set(first_day, days=30))


def test_a_feature_that_is_gone_is_refused(company, kept, first_day):
    gone = make_set([Feature("other", Measure("billing", "count", 7))], frozen_on=first_day, notes=[])

    with pytest.raises(ModelError, match="feature 'failures' does not exist"):
        load(company, kept[0], DETECTOR, gone)


def test_other_libraries_are_refused(company, frozen, kept):
    edit(kept[1], libraries={"scikit-learn": "0.1"})

    with pytest.raises(ModelError, match=r"trained with scikit-learn 0.1, here is .* Train again: beforehand train"):
        load(company, kept[0], DETECTOR, frozen)


def test_other_answers_to_the_golden_rows_are_refused(company, frozen, kept):
    golden = json.loads((kept[1] / "card.json").read_text())["golden"]
    edit(kept[1], golden={**golden, "probability": [p + 0.1 for p in golden["probability"]]})

    with pytest.raises(ModelError, match="golden rows come out 0.1 away"):
        load(company, kept[0], DETECTOR, frozen)


def test_a_model_that_another_version_of_this_program_kept_is_refused(company, frozen, kept):
    parts = {"when": ["failures >= 2"], "precision": 0.6}
    (kept[1] / "model.skops").write_bytes(models._skops().dumps(parts))

    with pytest.raises(ModelError, match=r"is not made of what this program makes models of \(KeyError: 'cases'\). Train again"):
        load(company, kept[0], DETECTOR, frozen)


def test_a_model_is_read_once_for_as_long_as_its_files_stay_as_they_are(company, frozen, kept):
    first = load(company, kept[0], clone(DETECTOR), frozen)

    assert load(company, kept[0], clone(DETECTOR), frozen) is first
    edit(kept[1], libraries={"scikit-learn": "0.1"})
    with pytest.raises(ModelError, match="trained with scikit-learn 0.1"):
        load(company, kept[0], clone(DETECTOR), frozen)


def test_files_that_are_gone_are_named(company, frozen, kept):
    (kept[1] / "model.skops").unlink()

    with pytest.raises(ModelError, match="the model's files are not there"):
        load(company, kept[0], DETECTOR, frozen)


def test_no_golden_row_is_anybody(company, frozen):
    rng = np.random.default_rng(0)
    sample = rng.permutation(1000)[:600].reshape(200, 3).astype(np.float32)  # every number occurs once
    model = RuleModel(("failures", "other", "failures"), ("failures >= 2",), unknown(1))

    golden = models._golden(model, sample)["rows"]

    people = {tuple(row) for row in sample.tolist()}
    assert not people & {tuple(row) for row in golden}
