"""Families are adjusted as statsmodels adjusts them."""

from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from loyalty.families import holm


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_that_of_statsmodels(p_values):
    theirs = multipletests(p_values, method="holm")[1]
    assert all(abs(one - other) < 1e-12 for one, other in zip(holm(p_values), theirs, strict=True))


def test_what_is_not_there_yet_counts_in_the_family():
    assert holm([0.01, None, None]) == [0.03, None, None]
