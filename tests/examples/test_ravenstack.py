"""RavenStack, from its files to readings: lookups, two facts from a row, today's state left out, an honest detector."""

from datetime import UTC, date, datetime, timedelta
from email import policy
from email.parser import BytesParser

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from feature_store import lake
from feature_store.build import vectors
from feature_store.pull import pull_days
from feature_store.sources.configured import load_sources

EXAMPLE = "ravenstack"
WEEKS = ("--from", "2024-07-01", "--to", "2024-12-01", "--every", "21", "--train-every", "105")
EVER = datetime(2030, 1, 1, tzinfo=UTC)
pytestmark = [pytest.mark.slow, pytest.mark.needs("data:ravenstack")]


@pytest.fixture(scope="module")
def played(example):
    """The example and what its run said."""
    return example, example.run(*WEEKS)


@pytest.fixture(scope="module")
def usage(example):
    """The usage rows that could be attributed on their day, worked out by hand from the files."""
    rows = pl.read_csv(example.data / "feature_usage.csv", try_parse_dates=True)
    subscriptions = pl.read_csv(example.data / "subscriptions.csv", try_parse_dates=True)
    joined = rows.join(subscriptions.select("subscription_id", "account_id", "start_date"), on="subscription_id")
    return joined.filter(pl.col("usage_date") >= pl.col("start_date"))


def test_every_row_read_is_kept_quarantined_or_dropped_by_rule(played):
    sources = {s["source"]: (s["read"], s["kept"], s["quarantined"], s["dropped"]) for s in played[1]["figures"]["sources"]}
    assert sources == {
        "accounts": (500, 500, 0, 0),
        "departures": (600, 600, 0, 0),
        "subscriptions": (10_000, 5_486, 0, 4_514),  # 5,000 started, of which 486 ended
        "tickets": (4_000, 4_000, 0, 0),             # 2,000 opened and closed
        "usage": (25_000, 5_858, 0, 19_142),         # the dropped ones predate their subscription
    }  # fmt: skip


def test_usage_reaches_its_account_through_the_subscription(played, usage):
    kept = lake.scan(played[0].settings, "usage", before=EVER).select("customer_id", "occurred_at", "errors").collect()
    by_hand = usage.select(
        pl.col("account_id").alias("customer_id"), pl.col("usage_date").cast(pl.Datetime("us", "UTC")).alias("occurred_at"),
        pl.col("error_count").cast(kept.schema["errors"]).alias("errors"),
    )  # fmt: skip
    assert kept.sort(pl.all()).equals(by_hand.sort(pl.all()))


def test_a_number_used_for_two_rows_makes_two_events(played):
    events = lake.scan(played[0].settings, "usage", before=EVER).select("event_id").collect()["event_id"]
    assert events.n_unique() == 5_858
    assert events.str.split("|").list.first().n_unique() < 5_858


def test_what_is_known_at_the_close_is_not_known_at_the_opening(played):
    tickets = lake.scan(played[0].settings, "tickets", before=EVER).collect()
    opened, closed = (tickets.filter(pl.col("kind") == kind) for kind in ("opened", "closed"))
    assert opened.select("resolution_hours", "first_response_minutes", "satisfaction", "escalated").null_count().row(0) == (2_000,) * 4
    assert closed["resolution_hours"].null_count() == 0
    assert closed["satisfaction"].null_count() == 825
    both = opened.with_columns(pl.concat_str("event_id", pl.lit(":closed"))).join(closed, on="event_id")
    hours = (both["occurred_at_right"] - both["occurred_at"]).dt.total_hours()
    assert both.height == 2_000
    assert (hours == both["resolution_hours_right"].cast(pl.Int64)).all()


def test_a_ticket_open_at_a_moment_does_not_say_how_it_will_end(played):
    moment = datetime(2024, 9, 16, tzinfo=UTC)
    known = lake.scan(played[0].settings, "tickets", before=moment).collect()
    assert known["occurred_at"].max() < moment
    assert known["recorded_at"].max() < moment
    ids = {kind: set(known.filter(pl.col("kind") == kind)["event_id"].str.strip_suffix(":closed")) for kind in ("opened", "closed")}
    assert ids["closed"] < ids["opened"]


def test_today_s_state_is_neither_in_the_lake_nor_among_the_features(played):
    settings = played[0].settings
    kept = {name for source in ("accounts", "subscriptions", "departures") for name in lake.schema(settings, source)}
    assert not kept & {"churn_flag", "upgrade_flag", "downgrade_flag", "auto_renew_flag", "account_name"}
    assert not {"plan_tier", "plan", "seats", "is_trial"} & set(lake.schema(settings, "accounts"))
    features = vectors(settings, date(2024, 9, 8)).columns
    assert not [name for name in features if "churn" in name or name.startswith(("accounts__plan", "accounts__seats"))]


def test_a_feature_is_what_one_counts_by_hand(played, usage):
    day = date(2024, 9, 8)
    found = vectors(played[0].settings, day).select("customer_id", errors=pl.col("usage__errors__sum_28d").cast(pl.Int64))
    in_window = pl.col("usage_date").is_between(day - timedelta(days=27), day)
    by_hand = usage.filter(in_window).group_by("account_id").agg(pl.col("error_count").sum())
    joined = found.join(by_hand, left_on="customer_id", right_on="account_id", how="left").fill_null(0)
    assert joined["errors"].sum() > 100
    assert joined.filter(pl.col("errors") != pl.col("error_count")).is_empty()


def test_a_trouble_that_cannot_be_told_beforehand_is_said_to_be_so_and_flags_nobody(played):
    example, said = played
    model = next(m for m in said["figures"]["models"] if m["issue"] == "ticket_coming")
    assert model["state"] == "not_predictable"
    assert model["scores"]["struck"] >= 50
    assert model["scores"]["skill_low"] <= 0
    assert example.rows("SELECT count(*) FROM flags WHERE issue = 'ticket_coming'") == [(0,)]


def test_the_rule_flags_who_met_four_errors_and_writes_to_the_half_that_is_not_held_out(played, usage):
    example, said = played
    flags = example.rows("SELECT customer_id, day FROM flags ORDER BY id")
    for customer, day in flags:
        theirs = usage.filter(pl.col("account_id") == customer, pl.col("usage_date").is_between(day - timedelta(days=27), day))
        assert theirs["error_count"].sum() >= 4, (customer, day)
    issue = next(i for i in said["figures"]["issues"] if i["issue"] == "errors_mounting")
    assert issue["flags"] == len(flags) > 60
    assert issue["reconciles"]
    late = example.rows("SELECT reasons FROM messages WHERE state = 'suppressed'")  # flagged before a holiday; the play sends once a week
    assert issue["sent"] + issue["held_out"] + issue["suppressed"] == issue["flags"]
    assert len(late) == issue["suppressed"] < 0.1 * issue["flags"]
    assert all("stale_score" in reasons for (reasons,) in late)
    assert 0.3 < issue["held_out"] / issue["flags"] < 0.7
    written = {BytesParser(policy=policy.default).parsebytes(letter.read_bytes())["To"] for letter in example.letters()}
    held = {row[0] for row in example.rows("SELECT lower(customer_id) FROM messages WHERE state = 'held_out'")}
    assert len(example.letters()) == issue["sent"]
    assert not {f"{customer}@customers.example" for customer in held} & written


def test_a_letter_says_what_happened_and_how_to_stop_and_its_subject_says_nothing(played):
    letter = BytesParser(policy=policy.default).parsebytes(played[0].letters()[0].read_bytes())
    words = " ".join(letter.get_body(("plain",)).get_content().split())
    assert letter["Subject"] == "A note from RavenStack about your account"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "our product has stopped with an error several times" in words
    assert "Is this really from us?" in words


def test_loyalty_is_read_at_one_month_and_said_to_be_unreadable_at_eighteen(played):
    readings = {r["horizon_months"]: r for r in played[1]["readings"]
                if r["issue"] == "errors_mounting" and r["month"] == "pooled" and r["primary"]}  # fmt: skip
    one = readings[1]
    assert (one["outcome"], one["state"]) == ("contacts", "readable")
    assert one["low"] < 0 < one["high"], "no message ever reached these accounts, so nothing can have changed"
    assert readings[18]["state"] == "not_yet"
    assert "can be read from" in readings[18]["why"]


def test_the_same_run_again_changes_nothing(played):
    example, said = played
    letters = {letter: letter.stat().st_mtime_ns for letter in example.letters()}
    again = example.run(*WEEKS)
    assert (again["steps"], again["skipped"]) == (0, said["steps"])
    for what in ("sources", "models", "issues", "cohorts", "problem"):
        assert again["figures"][what] == said["figures"][what]
    assert again["readings"] == said["readings"]
    assert {letter: letter.stat().st_mtime_ns for letter in example.letters()} == letters


def test_vectors_are_the_same_when_the_files_end_on_their_day(played, tmp_path, monkeypatch):
    """Of the export as it would have been on a day, without anything that came later, the same numbers are made."""
    day = date(2024, 9, 8)
    as_it_is = vectors(played[0].settings, day)
    _files_of(day, played[0].data, tmp_path / "data" / "ravenstack")
    monkeypatch.setenv("BEFOREHAND_DATA", str(tmp_path / "data"))
    then = played[0].moved(tmp_path)

    for source in load_sources(then):
        pull_days(source, first=date(2023, 1, 1), last=day, settings=then)
    lake.close_days(then, date(2023, 1, 1), day)

    assert_frame_equal(vectors(then, day), as_it_is)


def _files_of(day, data, folder):
    """Write the files as they would have been exported at the end of `day`."""
    folder.mkdir(parents=True)
    by = str(day)
    files = {name: pl.read_csv(data / f"{name}.csv", infer_schema=False, null_values=[""])
             for name in ("accounts", "subscriptions", "feature_usage", "support_tickets", "churn_events")}  # fmt: skip
    subscriptions = files["subscriptions"].filter(pl.col("start_date") <= by)
    later = pl.col("end_date") > by
    at_close = ("closed_at", "resolution_time_hours", "first_response_time_minutes", "satisfaction_score", "escalation_flag")
    open_still = pl.col("closed_at").str.slice(0, 10) > by
    written = {
        "accounts": files["accounts"].filter(pl.col("signup_date") <= by),
        "subscriptions": subscriptions.with_columns(end_date=pl.when(~later).then("end_date")),
        "feature_usage": files["feature_usage"].filter(pl.col("usage_date") <= by)
        .join(subscriptions, on="subscription_id", how="semi"),
        "support_tickets": files["support_tickets"].filter(pl.col("submitted_at") <= by)
        .with_columns(pl.when(~open_still).then(name).alias(name) for name in at_close),
        "churn_events": files["churn_events"].filter(pl.col("churn_date") <= by),
    }  # fmt: skip
    for name, rows in written.items():
        rows.write_csv(folder / f"{name}.csv")
