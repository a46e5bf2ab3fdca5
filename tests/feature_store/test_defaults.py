"""A source alone yields its features by its role; what was drawn once is frozen."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from core.errors import ConfigError
from core.settings import Features
from feature_store import lake
from feature_store.defaults import freeze, hand_made
from feature_store.drawing import draw
from feature_store.feature import Feature, Measure, Peer, Ratio, Trend
from feature_store.feature_set import in_use, load
from feature_store.shape import Shape, shape_of

BILLING = Shape("billing", "billing", kinds=("paid", "payment_failed"), numbers=("amount_cents",), columns=("amount_cents",))
CUSTOMERS = Shape("customers", "customers", numbers=("age",), texts=(("plan", ("Basic", "Pro+")),), columns=("age", "plan"))


def drawn(*shapes, **limits):
    return {f.name: f for f in draw(shapes, Features(**limits))}


def test_a_source_of_events_gives_counts_sums_and_times():
    found = drawn(BILLING)

    assert {"billing__count_28d", "billing__payment_failed__count_1d", "billing__other__count_90d",
            "billing__amount_cents__sum_7d", "billing__amount_cents__mean_28d", "billing__amount_cents__last",
            "billing__recency_days", "billing__payment_failed__recency_days", "billing__tenure_days",
            "billing__distinct_days_28d", "billing__trend_28d"} <= set(found)  # fmt: skip
    assert found["billing__other__count_7d"].measure == Measure("billing", "count", 7, other_than=("paid", "payment_failed"))
    assert (found["billing__count_7d"].empty, found["billing__amount_cents__mean_7d"].empty) == (0, None)


def test_a_source_of_customers_gives_each_attribute_as_last_known():
    found = drawn(CUSTOMERS)

    assert set(found) == {"customers__tenure_days", "customers__age", "customers__plan__is_basic", "customers__plan__is_pro"}
    assert found["customers__plan__is_pro"].measure == Measure("customers", "last", column="plan", equals="Pro+")


def test_each_role_gives_what_a_practitioner_asks_of_it():
    usage = Shape("app", "telemetry", kinds=("error", "login"), numbers=("minutes",), times=("trial_ends_at",))

    assert {"app__slope_90d", "app__mean_gap_90d", "app__gap_variation_90d", "app__error__share_90d",
            "app__days_until_trial_ends_at"} <= set(drawn(usage))  # fmt: skip
    assert "billing__amount_cents__volatility_90d" in drawn(BILLING)
    assert "desk__call__share_90d" in drawn(Shape("desk", "contacts", kinds=("call",)))
    assert "customers__days_until_renews_at" in drawn(Shape("customers", "customers", times=("renews_at",)))


def test_a_journey_that_is_begun_and_ended_by_kinds_of_one_name_is_followed():
    app = Shape("app", "telemetry", kinds=("export_finished", "export_started", "login", "tour_started"))

    found = drawn(app)

    assert [name for name in found if "unfinished" in name] == ["app__export__unfinished_28d"]
    assert found["app__export__unfinished_28d"].measure == Measure(
        "app", "unfinished", 28, kind="export_started", finish="export_finished", usual_hours=24.0)  # fmt: skip


def test_use_is_ranked_among_customers_of_the_same_plan():
    found = drawn(CUSTOMERS, Shape("app", "telemetry", kinds=("login",)), BILLING)

    assert [f.measure for name, f in found.items() if "among" in name] == [Peer(Measure("app", "count", 28), "customers", "plan")]
    assert not [name for name in drawn(Shape("app", "telemetry", kinds=("login",))) if "among" in name]


def test_use_is_held_against_the_time_before_each_kind_of_bill():
    found = drawn(Shape("app", "telemetry", kinds=("login",), numbers=("minutes",)), BILLING)
    anchor, minutes = Measure("billing", "recency", 90, kind="payment_failed"), Measure("app", "mean", 90, column="minutes")

    assert found["app__trend_since_billing_payment_failed"].measure == Trend(Measure("app", "count", 90, since=anchor), 90)
    assert found["app__minutes__change_since_billing_payment_failed"].measure == Ratio(replace(minutes, since=anchor), minutes)
    assert not [name for name in drawn(BILLING) if "since" in name]


def test_the_limit_is_spread_over_the_sources_in_turn():
    many = Shape("app", "telemetry", kinds=tuple(f"kind_{n:02}" for n in range(20)))

    found = drawn(BILLING, CUSTOMERS, many, at_most=60)

    per_source = [sum(name.startswith(s) for name in found) for s in ("billing", "customers", "app")]
    assert sum(per_source) == 60
    assert per_source[1] == 4
    assert min(per_source[0], per_source[2]) >= 25


def test_kinds_that_would_share_a_name_are_told_apart():
    found = drawn(Shape("app", "telemetry", kinds=("Log in", "log-in", "other")), windows_days=(28,))

    assert {"app__log_in__count_28d", "app__log_in_2__count_28d", "app__other_2__count_28d", "app__other__count_28d"} <= set(found)


def test_only_the_most_frequent_kinds_have_a_feature_and_free_text_has_none():
    rows = pl.LazyFrame({
        "kind": ["a"] * 5 + ["b"] * 3 + ["c"], "minutes": [1.0] * 9, "account_id": [7] * 9,
        "plan": ["x"] * 8 + ["y"], "remark": [f"note {n}" for n in range(9)], "recorded_on": [date(2026, 1, 1)] * 9,
    })  # fmt: skip

    shape = shape_of("s", "customers", rows, top=2)

    assert shape.kinds == ("a", "b")
    assert shape.numbers == ("minutes",)
    assert shape.texts == (("plan", ("x", "y")),)


def test_a_hand_made_feature_is_kept_left_out_or_refused():
    given = {
        "good": Feature("good", Measure("billing", "sum", 30, column="amount_cents")),
        "elsewhere": Feature("elsewhere", Measure("sensors", "count", 30)),
    }

    kept, notes = hand_made({"billing": BILLING}, given)

    assert [f.name for f in kept] == ["good"]
    assert notes == ["feature_store/features/elsewhere.py: left out, because source 'sensors' is not configured."]
    wrong = {"bad": Feature("bad", Measure("billing", "sum", 30, column="amount"))}
    with pytest.raises(ConfigError, match=r"features/bad.py: column of billing 'amount' does not exist. Did you mean 'amount_c"):
        hand_made({"billing": BILLING}, wrong)


def test_a_kind_named_in_the_file_has_features_before_its_first_event(company, source_file, lake_rows, at, on):
    source_file("billing", 'role = "billing"\npath = "x/{day}.csv"\ncustomer_id = "c"\nevent_id = "i"\n'
                           '[[event]]\nkind = "service_lost"\noccurred_at = "t"\n')  # fmt: skip
    lake.add(company, "billing", lake_rows(("a", at(1, 8), at(1, 9), on(1), "gold", False)), first=on(1), last=on(1))

    names = freeze(company, on(2), keep=[]).names

    assert {"billing__service_lost__count_28d", "billing__changed__count_28d"} <= set(names)


def test_a_frozen_set_stays_in_use_until_the_next_one(company, source_file, lake_rows, at, on):
    source_file("billing", 'role = "billing"\npath = "x/{day}.csv"\ncustomer_id = "c"\nevent_id = "i"\n'
                           '[[event]]\nkind = { column = "k" }\noccurred_at = "t"\n')  # fmt: skip
    lake.add(company, "billing", lake_rows(("a", at(1, 8), at(1, 9), on(1), "gold", False)), first=on(1), last=on(1))

    first = freeze(company, on(2), keep=[])
    second = freeze(company, on(5), keep=[Feature("mine", Measure("billing", "count", 3))])

    assert first.version != second.version
    assert load(company, first.version).features == first.features
    assert [in_use(company, on(day)).version == second.version for day in (1, 2, 4, 5, 9)] == [False, False, False, True, True]
    assert freeze(company, on(9), keep=[Feature("mine", Measure("billing", "count", 3))]).version == second.version
