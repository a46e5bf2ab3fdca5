"""The catalogue says what a feature is, how it is computed, and whether its numbers moved."""

import numpy as np
import polars as pl
import pytest

from feature_store.catalogue import cliffs_delta, drift, entry
from feature_store.feature import Feature, Measure, Peer


def test_an_entry_says_window_sources_and_way():
    peer = Peer(Measure("app", "slope", 28), "customers", "plan")

    assert entry(Feature("p", peer)).as_dict() == {
        "name": "p", "sources": ["app", "customers"], "window_days": 28, "how": "exact", "empty": None,
        "description": "of customers with the same plan come below in change a day in the daily app events in 28 days",
    }  # fmt: skip
    assert entry(Feature("c", Measure("app", "count", 7), empty=0)).how == "fast"


def test_cliffs_delta_is_what_a_count_of_all_pairs_gives():
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 9, 50), rng.integers(2, 9, 70)

    pairs = np.sign(one[:, None] - other[None, :]).mean()

    assert cliffs_delta(one, other) == pytest.approx(pairs)


def test_drift_is_an_effect_and_not_a_large_sample():
    rng = np.random.default_rng(2)
    before, same = (pl.Series(rng.normal(0, 1, 20_000)) for _ in range(2))

    assert drift(before, same + 0.05)["drift"] == "none"
    assert drift(before, same + 1)["drift"] == "large"
    assert drift(before, same.head(100))["drift"] == "too few"
    gone = pl.DataFrame({"x": same}).select(pl.when(pl.int_range(pl.len()) % 2 == 0).then("x")).to_series()
    assert (drift(before, gone)["drift"], drift(before, gone)["null_rate"]) == ("large", 0.5)
