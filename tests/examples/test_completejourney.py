"""CompleteJourney, from a million purchases to readings: a trouble that is an absence, learned and acted on."""

from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser

import polars as pl
import pytest

from core.clock import moment_after
from detectors.issue import load_issues
from detectors.trouble import strikes
from feature_store import lake
from feature_store.build import vectors

EXAMPLE = "completejourney"
WEEKS = ("--from", "2017-07-03", "--to", "2017-09-10", "--every", "14")
EVER = datetime(2030, 1, 1, tzinfo=UTC)
pytestmark = [pytest.mark.slow, pytest.mark.needs("data:completejourney")]


@pytest.fixture(scope="module")
def played(example):
    """The example and what its run said."""
    return example, example.run(*WEEKS)


@pytest.fixture(scope="module")
def visits(example):
    """(customer_id, at) of each item bought, straight from the file."""
    rows = pl.scan_parquet(example.data / "transactions.parquet")
    at = pl.col("transaction_timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("at")
    return rows.select(pl.col("household_id").cast(pl.String).alias("customer_id"), at).collect()


def test_every_row_read_is_kept(played):
    sources = {s["source"]: (s["read"], s["kept"], s["quarantined"], s["dropped"]) for s in played[1]["figures"]["sources"]}
    assert sources == {
        "campaigns": (6_589, 6_589, 0, 0),
        "purchases": (1_095_181, 1_095_181, 0, 0),
        "redemptions": (1_232, 1_232, 0, 0),
    }


def test_the_money_is_the_file_s_to_the_cent(played):
    kept = lake.scan(played[0].settings, "purchases", before=EVER).select(pl.col("amount_cents").sum()).collect().item()
    told = pl.scan_parquet(played[0].data / "transactions.parquet").select((pl.col("sales_value") * 100).round().sum())
    assert kept == int(told.collect().item())


def test_a_campaign_of_next_month_is_not_known_today(played):
    moment = datetime(2017, 9, 11, tzinfo=UTC)
    known = lake.scan(played[0].settings, "campaigns", before=moment).select(pl.col("occurred_at").max()).collect().item()
    later = lake.scan(played[0].settings, "campaigns", before=EVER).select(pl.col("occurred_at").max()).collect().item()
    assert known < moment < later


def test_trouble_strikes_when_a_household_has_been_silent_for_28_days(played, visits):
    settings = played[0].settings
    after, before = datetime(2017, 6, 1, tzinfo=UTC), datetime(2017, 7, 1, tzinfo=UTC)
    found = strikes(settings, load_issues(settings)["gone_quiet"], after=after, before=before, known_before=before)
    seen = visits.filter(pl.col("at") < before).sort("customer_id", "at")
    gone = seen.with_columns(next=pl.col("at").shift(-1).over("customer_id"), at=pl.col("at") + timedelta(days=28))
    by_hand = gone.filter(
        pl.col("next").is_null() | (pl.col("next") >= pl.col("at")), pl.col("at").is_between(after, before, closed="left")
    )
    assert by_hand.height > 200
    assert found.rows() == by_hand.select("customer_id", "at").sort("customer_id", "at").rows()


def test_a_feature_is_what_one_counts_by_hand(played, visits):
    day = datetime(2017, 7, 30, tzinfo=UTC).date()
    found = vectors(played[0].settings, day).select("customer_id", days=pl.col("purchases__distinct_days_90d").cast(pl.Int64))
    moment = moment_after(day)
    seen = visits.filter(pl.col("at") < moment, pl.col("at") >= moment - timedelta(days=90))
    by_hand = seen.group_by("customer_id").agg(pl.col("at").dt.date().n_unique().cast(pl.Int64).alias("counted"))
    joined = found.join(by_hand, on="customer_id", how="left").fill_null(0)
    assert joined.filter(pl.col("days") != pl.col("counted")).is_empty()


def test_the_detector_tells_who_will_fall_silent_far_better_than_chance(played):
    model = next(m for m in played[1]["figures"]["models"] if m["issue"] == "gone_quiet")
    scores = model["scores"]
    assert model["state"] == "champion"
    assert scores["skill_low"] > 0
    assert scores["average_precision"] > 2 * scores["base_rate"] > 0.1


def test_only_households_that_still_come_are_flagged_and_most_of_them_do_fall_silent(played, visits):
    flags = pl.DataFrame(
        played[0].rows("SELECT customer_id, day, state FROM flags"), schema=["customer_id", "day", "state"], orient="row"
    )
    seen = flags.join(visits, on="customer_id").with_columns(on=pl.col("at").dt.date())
    last = seen.filter(pl.col("on") <= pl.col("day")).group_by("customer_id", "day").agg(
        (pl.col("day").first() - pl.col("on").max()).dt.total_days().alias("silent_days"),
        pl.col("on").filter(pl.col("on") > pl.col("day") - pl.duration(days=90)).n_unique().alias("days"),
    )  # fmt: skip
    assert flags.height > 300
    assert last["silent_days"].max() < 28
    assert last["days"].min() >= 4
    settled = flags.filter(pl.col("day") <= datetime(2017, 8, 6).date())
    assert settled.filter(pl.col("state") == "struck").height > settled.height / 2


def test_half_is_held_out_and_the_other_half_has_a_letter_each(played):
    example, said = played
    issue = next(i for i in said["figures"]["issues"] if i["issue"] == "gone_quiet")
    assert issue["reconciles"]
    assert issue["flags"] == issue["sent"] + issue["held_out"] + issue["suppressed"]
    assert 0.4 < issue["held_out"] / issue["flags"] < 0.6
    assert len(example.letters()) == issue["sent"]
    letter = BytesParser(policy=policy.default).parsebytes(example.letters()[0].read_bytes())
    assert letter["Subject"] == "How are we doing?"
    assert letter["To"].startswith("household-")
    assert "We have not seen much of you" in letter.get_body(("plain",)).get_content()


def test_loyalty_is_read_at_one_month_for_both_halves(played):
    readings = {r["horizon_months"]: r for r in played[1]["readings"] if r["month"] == "pooled" and r["primary"]}
    one = readings[1]
    assert (one["outcome"], one["state"]) == ("retained", "readable")
    assert one["n_contact"] > 50
    assert one["n_hold_out"] > 50
    assert one["low"] < 0 < one["high"], "no message ever reached these households, so nothing can have changed"
    assert {readings[months]["state"] for months in (6, 18)} == {"not_yet"}
