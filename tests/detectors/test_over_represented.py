"""What the flagged have in common is named when it is more than chance, and nothing is when it is not."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import false_discovery_control, fisher_exact

from detectors.over_represented import kept, over_represented, said
from feature_store.feature import Feature, Measure

FEATURES = [
    Feature("plan__is_family", Measure("customers", "last", column="plan", equals="family"), empty=0),
    Feature("region__is_north", Measure("customers", "last", column="region", equals="north"), empty=0),
    Feature("version", Measure("telemetry", "last", 90, column="version")),
    Feature("minutes", Measure("telemetry", "mean", 28, column="minutes")),
    Feature("fees", Measure("billing", "count", 28, kind="fee_charged"), empty=0),
]


def company(seed=0, n=4000):
    rng = np.random.default_rng(seed)
    return pl.DataFrame({"customer_id": [f"c{i}" for i in range(n)], "plan__is_family": (rng.random(n) < 0.15).astype(float),
                         "region__is_north": (rng.random(n) < 0.25).astype(float), "version": rng.integers(31, 35, n).astype(float),
                         "minutes": rng.normal(30, 9, n), "fees": rng.poisson(0.1, n).astype(float)})  # fmt: skip


def test_a_version_that_a_detector_looked_up_is_named_as_it_is_written():
    rows = company().with_columns(release__version=pl.Series(["3.1", "3.10", None, "3.2"] * 1000))
    flagged = np.flatnonzero((rows["release__version"] == "3.10").to_numpy())[:30]

    first = over_represented(rows, flagged, FEATURES)[0]

    assert (first.feature, first.value, first.flagged) == ("release__version", "3.10", 30)
    assert said(first, FEATURES) == "release version is 3.10: 100% of the flagged, 25% of all at risk"


def test_the_release_that_stands_out_is_named_first_with_its_lift():
    rows = company()
    flagged = np.flatnonzero((rows["version"] == 33).to_numpy())[:60]

    first = over_represented(rows, flagged, FEATURES)[0]

    share = (rows["version"] == 33).mean()
    assert (first.feature, first.value, first.flagged) == ("version", 33.0, 60)
    assert first.lift == pytest.approx(1 / share)
    assert said(first, FEATURES) == f"33 version at the last of telemetry events: 100% of the flagged, {share:.0%} of all at risk"


def test_an_event_that_came_to_the_flagged_is_named_after_the_attributes():
    rows = company()
    flagged = np.flatnonzero(((rows["fees"] > 0) & (rows["plan__is_family"] == 1)).to_numpy())

    found = over_represented(rows, flagged, FEATURES)

    assert [trait.feature for trait in found] == ["plan__is_family", "fees"]
    assert said(found[1], FEATURES).startswith("any fee charged events in 28 days: 100% of the flagged")


def test_an_amount_of_cents_is_said_in_whole_money():
    fee = Feature("fee", Measure("billing", "last", 90, column="amount_cents"))
    rows = pl.DataFrame({"customer_id": [f"c{n}" for n in range(400)], "fee": [800.0] * 20 + [990.0] * 380})

    (trait,) = over_represented(rows, np.arange(20), [fee])

    assert said(trait, [fee]) == "8.00 amount at the last of billing events: 100% of the flagged, 5% of all at risk"


def test_its_p_is_that_of_fishers_test():
    rows = company()
    flagged = np.concatenate([np.flatnonzero((rows["plan__is_family"] == 1).to_numpy())[:30], np.arange(30)])
    flagged = np.unique(flagged)
    (found,) = [t for t in over_represented(rows, flagged, FEATURES) if t.feature == "plan__is_family"]

    has = (rows["plan__is_family"] == 1).to_numpy()
    is_flagged = np.isin(np.arange(len(has)), flagged)
    table = [[(has & is_flagged).sum(), (~has & is_flagged).sum()], [(has & ~is_flagged).sum(), (~has & ~is_flagged).sum()]]
    assert found.p == pytest.approx(fisher_exact(table, alternative="greater").pvalue)


def test_where_the_flagged_are_like_everybody_nothing_is_named_but_for_one_time_in_twenty():
    named = sum(bool(over_represented(company(seed), np.random.default_rng(seed).choice(4000, 60, replace=False), FEATURES))
                for seed in range(60))  # fmt: skip

    assert named <= 8


def test_the_findings_kept_are_those_of_benjamini_and_hochberg():
    p = np.random.default_rng(3).uniform(0, 0.2, 40) ** 2

    assert kept(p).tolist() == (false_discovery_control(p) <= 0.05).tolist()


def test_a_handful_of_flagged_is_an_anecdote():
    rows = company()

    assert over_represented(rows, np.flatnonzero((rows["version"] == 33).to_numpy())[:4], FEATURES) == []
