"""A feature is a declaration: it can be stored, compared, and said in plain words."""

import pytest

from feature_store.feature import (
    Feature,
    Measure,
    Ratio,
    Trend,
    declaration,
    definitions_hash,
    describe,
    from_declaration,
)

FAILED = Measure("billing", "count", 28, kind="payment_failed")
FEE = Measure("billing", "recency", 28, kind="fee_charged")
EVERY_SHAPE = [
    Feature("failed", FAILED, empty=0),
    Feature("others", Measure("billing", "count", 7, other_than=("payment_failed",)), empty=0, description="odd ones"),
    Feature("share", Ratio(FAILED, Measure("billing", "count", 28))),
    Feature("trend", Trend(Measure("billing", "count", 28), 90)),
    Feature("basic", Measure("customers", "last", column="plan", equals="basic"), empty=0),
    Feature("since", Measure("app", "count", 28, since=FEE), empty=0),
]


@pytest.mark.parametrize("feature", EVERY_SHAPE, ids=lambda f: f.name)
def test_a_declaration_comes_back_as_the_feature_it_was(feature):
    assert from_declaration({**declaration(feature), "description": feature.description}) == feature


def test_the_hash_changes_with_what_is_computed_and_with_nothing_else():
    changed = Feature("failed", Measure("billing", "count", 30, kind="payment_failed"), empty=0)
    reworded = Feature("failed", FAILED, empty=0, description="cards that failed")

    assert definitions_hash(EVERY_SHAPE) == definitions_hash([*EVERY_SHAPE[1:], reworded])
    assert definitions_hash(EVERY_SHAPE) != definitions_hash([*EVERY_SHAPE[1:], changed])
    assert definitions_hash(EVERY_SHAPE) != definitions_hash(EVERY_SHAPE[1:])


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (FAILED, "payment failed events in 28 days"),
        (Measure("app", "count", 1), "app events in 1 day"),
        (Measure("app", "sum", 7, column="minutes"), "minutes in total from app events in 7 days"),
        (Measure("shop", "mean", 7, column="amount_cents"), "amount on average from shop events in 7 days"),
        (Measure("app", "distinct_days", 28), "days with app events in 28 days"),
        (Measure("app", "recency", 90, kind="error"), "days since the last of error events"),
        (Measure("customers", "last", column="household_size"), "household size"),
        (Trend(Measure("app", "count", 28), 90), "times the usual pace of app events (last 28 days against 90)"),
        (Measure("app", "count", 28, since=FEE), "app events since the last of fee charged events"),
        (Trend(Measure("app", "count", 28, since=FEE), 28),
         "times the usual pace of app events (since the last of fee charged events against 28 days)"),
        (Ratio(Measure("app", "mean", 28, column="minutes", since=FEE), Measure("app", "mean", 28, column="minutes")),
         "times the usual minutes of app events since the last of fee charged events"),
        (Ratio(Measure("app", "sum", 28, column="minutes", since=FEE), Measure("app", "sum", 28, column="minutes")),
         "minutes in total from app events since the last of fee charged events for each of minutes in total from app events in 28 days"),
        (Ratio(FAILED, Measure("billing", "count", 28)),
         "payment failed events in 28 days for each of billing events in 28 days"),
    ],
)  # fmt: skip
def test_a_feature_without_words_of_its_own_is_worded_from_its_declaration(what, words):
    assert describe(Feature("f", what)) == words
