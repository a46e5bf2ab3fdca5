"""What stands for an issue that has no model yet."""

from types import SimpleNamespace

import pytest

from console.figures import _untrained


@pytest.mark.parametrize(("watching", "said"), [
    (("learned",), "not trained yet"), (("rule",), "rule"), (("learned", "release"), "release"), (("known_date", "release"), "known_date, release"),
])  # fmt: skip
def test_what_flags_without_having_learned_is_named(watching, said):
    assert _untrained(SimpleNamespace(watching=watching)) == said


def test_an_issue_that_is_configured_no_more_is_not_trained():
    assert _untrained(None) == "not trained yet"
