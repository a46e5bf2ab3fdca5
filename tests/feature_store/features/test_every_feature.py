"""Promises that every hand-made feature keeps; a new file is covered the day it lands."""

from importlib import import_module

import pytest

import feature_store.features
from core.registry import discover
from feature_store.feature import declaration, describe, from_declaration

FEATURES = discover(feature_store.features, "FEATURE").values()


@pytest.fixture(params=FEATURES, ids=lambda f: f.name)
def feature(request):
    return request.param


def test_it_says_in_one_line_what_it_counts(feature):
    assert import_module(f"feature_store.features.{feature.name}").__doc__.count("\n") == 0


def test_it_completes_a_sentence_that_starts_with_its_number(feature):
    assert describe(feature)[0].islower()
    assert not describe(feature).endswith(".")


def test_it_can_be_frozen_and_read_again(feature):
    assert from_declaration({**declaration(feature), "description": feature.description}) == feature
