"""A reason is a sentence a service leader can read out."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from detectors.explain import evidence, peers, sentence, strongest
from feature_store.feature import Feature, Measure, Ratio, Trend

FAILED = Feature("failed_28d", Measure("billing", "count", 28, kind="failed"), 0, "failed payments in 28 days")
FAILED_90 = Feature("failed_90d", Measure("billing", "count", 90, kind="failed"), 0, "failed payments in 90 days")
PAID = Feature("paid", Measure("billing", "sum", 90, column="amount_cents"), 0, "paid in 90 days")
SEEN = Feature("seen", Measure("app", "recency", 90))
PLAN = Feature("plan", Measure("customers", "last", column="plan", equals="basic"), 0)
USUAL = Measure("app", "mean", 90, column="minutes")
CHANGE = Feature("change", Ratio(replace(USUAL, since=Measure("billing", "recency", 90, kind="fee_charged")), USUAL))
PACE = Feature("pace", Trend(Measure("app", "count", 28), 90))


@pytest.mark.parametrize(
    ("feature", "value", "usual", "says"),
    [
        (FAILED, 3.0, 0.0, "3 failed payments in 28 days; customers like this one: 0"),
        (PAID, 123450.0, 4200.0, "1,234.50 EUR paid in 90 days; customers like this one: 42.00 EUR"),
        (SEEN, 12.53, 2.0, "12.5 days since the last of app events; customers like this one: 2"),
        (SEEN, None, 2.0, "more than 90 days since the last of app events; customers like this one: 2"),
        (PLAN, 1.0, 0.23, "plan is basic; so it is for 23% of customers like this one"),
        (PLAN, 0.0, 0.23, "plan is not basic; so it is for 77% of customers like this one"),
        (CHANGE, 0.25, 1.0,
         "0.25 times the usual minutes of app events since the last of fee charged events; customers like this one: 1"),
        (CHANGE, None, 1.0, "no app events since the last of fee charged events, or none of these in 90 days"),
        (PACE, 0.412, 1.0,
         "0.41 times the usual pace of app events (last 28 days against 90); customers like this one: 1"),
        (PACE, None, None,
         "unknown: times the usual pace of app events (last 28 days against 90); customers like this one: unknown"),
    ],
)  # fmt: skip
def test_a_number_is_said_in_words_beside_what_is_usual(feature, value, usual, says):
    assert sentence(feature, value, usual, "EUR") == says


def test_of_features_about_the_same_rows_only_the_strongest_speaks():
    moved = np.array([0.5, 0.9, 0.4, -2.0])

    assert strongest([FAILED, FAILED_90, PAID, SEEN], moved) == [1, 2]


def test_what_hardly_moved_it_is_not_worth_a_sentence():
    assert strongest([FAILED, PAID, SEEN], np.array([1.0, 0.1, 0.3])) == [0, 2]
    assert strongest([FAILED], np.array([-1.0])) == []


def test_what_is_usual_is_the_median_or_the_share_of_yes():
    rows = pl.DataFrame({"failed_28d": [0.0, 1.0, 9.0], "plan": [1.0, 0.0, 0.0]})

    usual = peers(rows, [FAILED, PLAN])

    assert usual == [1.0, pytest.approx(1 / 3)]
    assert evidence([FAILED], [9.0], usual[:1]) == {"failed_28d": {"value": 9.0, "usual": 1.0}}
