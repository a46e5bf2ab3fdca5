"""`beforehand features` builds, lists, shows and measures features, in words and as JSON."""

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.voice import VOICE
from feature_store import bookkeeping, lake, tables

DAY = date(2026, 1, 3)


@pytest.fixture
def run(settings):
    """A company with one source and a closed day; call a verb and get what it prints."""
    (settings.folder / "sources" / "app.toml").write_text(
        'role = "telemetry"\npath = "x/{day}.csv"\ncustomer_id = "c"\nevent_id = "i"\n[[event]]\nkind = "used"\noccurred_at = "t"\n')
    (settings.folder / "issues" / "quiet.toml").write_text(
        'description = "d"\nhorizon_days = 7\ncapacity = 5\ndetector = "rule"\nat_risk = ["app__count_28d >= 1"]\n'
        '[trouble]\nevent = "app.used"\n[rule]\nwhen = ["app__count_7d >= 1"]\nreason = "r"\n')  # fmt: skip
    at = [datetime(2026, 1, 2, 8, tzinfo=UTC) + timedelta(minutes=n) for n in range(3)]
    rows = pl.DataFrame({"event_id": ["x", "y", "z"], "customer_id": ["a", "b", "a"], "kind": ["used"] * 3, "occurred_at": at,
                         "recorded_at": at, "stated_at": at, "batch": [date(2026, 1, 2)] * 3, "deleted": [False] * 3}).with_columns(
        pl.col("occurred_at", "recorded_at", "stated_at").cast(pl.Datetime("us", "UTC")))  # fmt: skip
    lake.add(settings, "app", rows, first=date(2026, 1, 2), last=date(2026, 1, 2))
    days = [("app", date(2026, 1, day), False) for day in (1, 2, 3)]
    tables.replace_rows(tables.place(settings, "_days"), pl.DataFrame(days, schema=bookkeeping.DAYS, orient="row"))

    def call(*words):
        VOICE.as_json = False
        done = CliRunner().invoke(app, ["features", *words], catch_exceptions=False)
        VOICE.as_json = False
        return done.output

    assert "2 customers" in call("build", "--day", str(DAY))
    return call


def test_the_list_says_what_each_feature_is_and_who_uses_it(run):
    listed = json.loads(run("list", "--day", str(DAY), "--json"))["features"]
    by_name = {f["name"]: f for f in listed}

    assert by_name["app__count_28d"]["used_by"] == ["issue quiet"]
    assert by_name["app__count_28d"]["description"] == "app events in 28 days"
    assert (by_name["app__count_28d"]["how"], by_name["app__count_28d"]["window_days"]) == ("fast", 28)
    assert "app__count_28d" in run("list", "--day", str(DAY))


def test_one_feature_is_shown_in_words(run):
    said = run("show", "app__count_7d", "--day", str(DAY))

    assert "<number> app events in 7 days." in said
    assert "issue quiet" in said
    assert "counts as 0" in said


def test_statistics_say_what_is_missing_and_that_two_customers_are_too_few(run):
    found = json.loads(run("stats", "--day", str(DAY), "--json"))

    assert found["day"] == str(DAY)
    assert {f["drift"] for f in found["features"]} == {"too few"}
    assert {f["name"]: f["null_rate"] for f in found["features"]}["app__recency_days"] == 0
