"""A fingerprint is the same on every machine, and differs where the value does."""

import hypothesis.strategies as st
import polars as pl
from hypothesis import given

from feature_store.fingerprints import content_fingerprint, fingerprint


def test_fingerprints_are_the_ones_stored_in_lakes_everywhere():
    assert fingerprint(pl.Series(["", None, "a", "é", "abcdefgh", "abcdefghi"])).to_list() == [
        -6411193824288604561, 0, 6774081908283191102, -6233629161890499609, 5313224187090153030, 6807866082752711286,
    ]  # fmt: skip


@given(st.lists(st.text(max_size=20), min_size=2, max_size=50, unique=True))
def test_different_texts_have_different_fingerprints_wherever_they_stand(texts):
    found = fingerprint(pl.Series(texts))

    assert found.n_unique() == len(texts)
    assert fingerprint(pl.Series(texts[::-1])).to_list() == found.to_list()[::-1]


def test_a_row_is_what_it_says_not_how_its_columns_are_ordered():
    rows = pl.DataFrame({"plan": ["gold", "gold", None], "minutes": [1.0, 2.0, 0.0], "seats": [None, 1, 0]})

    found = content_fingerprint(rows)
    assert found.n_unique() == 3
    assert content_fingerprint(rows.select("seats", "minutes", "plan")).to_list() == found.to_list()


def test_an_empty_column_counts_as_none():
    rows = pl.DataFrame({"plan": ["gold"]})

    assert content_fingerprint(rows.with_columns(later=pl.lit(None, dtype=pl.String))).equals(content_fingerprint(rows))
    assert not content_fingerprint(rows.with_columns(later=pl.lit(""))).equals(content_fingerprint(rows))
