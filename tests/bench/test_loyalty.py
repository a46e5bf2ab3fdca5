"""The loyalty readings agree with who else computes them, and CDNOW's repurchases are those counted by hand."""

import pytest

from bench.loyalty import parts
from bench.loyalty_agreement import differences
from bench.loyalty_cdnow import by_hand, read, repurchase
from tests.conftest import data_folder


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_gbstats_statsmodels_tea_tasting_and_lifelines_find_the_same():
    found = differences()
    assert {peer for _, peer, _ in found} == {"gbstats", "statsmodels", "tea-tasting", "lifelines"}
    assert max(apart for _, _, apart in found) < 1e-6


@pytest.mark.needs("data:cdnow_sample")
def test_cdnow_is_read_right_and_18_months_are_refused_for_all_but_those_fully_observed():
    purchases = read(data_folder() / "cdnow_sample")
    found, counted = repurchase(purchases), by_hand(purchases)
    assert {months: (row[0], pytest.approx(row[2])) for months, row in found.items()} == counted
    assert [row[1] for row in found.values()] == [0, 0, 2_339]


def test_every_part_of_the_bench_is_picked_up():
    assert {"agreement", "cdnow", "coverage", "looks", "programmes", "speed"} <= set(parts())
