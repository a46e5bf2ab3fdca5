"""A name that does not exist is worded the same way everywhere."""

import inspect

import pytest

from core import errors


def test_an_unknown_name_says_where_what_the_nearest_and_all():
    said = errors.unknown_name("issues/x.toml", "source", "biling", {"billing", "usage"})
    assert said == "issues/x.toml: source 'biling' does not exist. Did you mean 'billing'? Known: billing, usage."


def test_nothing_near_is_not_guessed_at():
    assert "Did you mean" not in errors.unknown_name("x.toml", "source", "zzz", ["billing"])


@pytest.mark.parametrize("error", [e for _, e in inspect.getmembers(errors, inspect.isclass) if e.__module__ == "core.errors"])
def test_every_error_hangs_on_the_tree_and_stands_in_its_picture(error):
    assert issubclass(error, errors.BeforehandError)
    assert error.__name__ in errors.__doc__
