"""A condition is a line a person can write; what is wrong with it is said with the nearest name."""

import polars as pl
import pytest

from core.errors import ConfigError
from detectors.condition import all_hold, parse

ROWS = pl.DataFrame({"a": [0.0, 1.0, 2.0, None]})


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a >= 1", [False, True, True, False]),
        ("a<1", [True, False, False, False]),
        ("a != 0", [False, True, True, False]),
        ("a == 2.0", [False, False, True, False]),
        ("a is missing", [False, False, False, True]),
        ("a is known", [True, True, True, False]),
    ],
)
def test_a_condition_holds_where_it_says_and_never_for_what_is_missing(text, holds):
    assert ROWS.select(parse(text).expression()).to_series().to_list() == holds


def test_all_conditions_must_hold_and_none_is_no_condition():
    assert ROWS.filter(all_hold([parse("a >= 1"), parse("a < 2")])).height == 1
    assert ROWS.filter(all_hold([])).height == 4


@pytest.mark.parametrize("text", ["a => 1", "a >= b", "a is absent", "a", ">= 1"])
def test_what_is_no_condition_says_how_one_is_written(text):
    with pytest.raises(ValueError, match="Write 'feature >= number'"):
        parse(text)


def test_an_unknown_feature_is_named_with_its_place_and_the_nearest():
    with pytest.raises(ConfigError, match=r"x.toml: at_risk\[0\]: feature 'billing__cuont' does not exist. Did you mean 'billing__c"):
        parse("billing__cuont >= 1").check("x.toml: at_risk[0]", ["billing__count"])
