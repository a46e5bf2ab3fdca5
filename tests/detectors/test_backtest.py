"""A backtest replays past days by the code that runs every morning, and leaves no trace of it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from core.errors import ConfigError, MissingError
from detectors.backtest import backtest, split_of
from detectors.issue import load_issues
from detectors.score import flag_day
from detectors.similar import of_flag
from detectors.train import train_all
from feature_store import feature_set
from feature_store.build import build_day
from ledger.days import Day
from ledger.flags import Flag
from ledger.models import Model

END = date(2025, 12, 31)
NOW = datetime(2026, 1, 1, 6, tzinfo=UTC)
TRAIN_TO, TEST = date(2025, 10, 15), (date(2025, 11, 1), date(2025, 12, 1))
ISSUE = """
description = "Service is lost because payments fail."
gap_days = 1
horizon_days = 14
capacity = 3
at_risk = ["billing__count_90d >= 1"]
[trouble]
event = "billing.service_lost"
"""


@pytest.fixture
def lived(live, failing_company, billing_file):
    """A year of a made company in the lake, and one issue."""
    billing_file(live)
    live.write("billing", failing_company(customers=600))
    live.close()
    live.issue("cut_off", ISSUE)
    return live.settings


def test_a_backtest_finds_what_was_to_come_and_leaves_no_trace(lived, session):
    done = backtest(lived, "cut_off", train_to=TRAIN_TO, test=TEST, now=NOW)
    found = done.as_dict()

    by_name = {one["name"]: one for one in found["contenders"]}
    assert found["trained"][0]["state"] == "champion"
    assert by_name["this detector"]["average_precision"][0] > 2 * found["base_rate"]
    assert by_name["this detector"]["average_precision"][0] > by_name["last value"]["average_precision"][0]
    assert set(by_name) >= {"most recent trouble first", "most frequent first", "last value", "logistic regression",
                            "LightGBM untuned", "LightGBM tuned"}  # fmt: skip
    assert {flag.day for flag in done.flags} == set(TEST)
    assert len({(flag.customer_id, flag.day) for flag in done.flags}) == len(done.flags) == found["flags"]["flags"]
    assert found["flags"]["precision"] > 2 * found["base_rate"]
    assert all(lead >= 1 for lead in done.leads())
    for table in (Flag, Model, Day):
        assert session.scalar(select(func.count()).select_from(table)) == 0
    assert feature_set.in_use(lived, END) is None
    assert list(lived.place("models").iterdir()) == []


def test_a_flag_tells_what_became_of_the_customers_most_like_it(lived, session):
    train_all(day=END, now=NOW, settings=lived)
    flag_day(build_day(day=END, settings=lived), day=END, now=NOW, settings=lived)
    flag = session.scalars(select(Flag).order_by(Flag.probability.desc())).first()

    like = of_flag(lived, session, flag.id)

    assert like.of == 20
    assert like.struck / like.of > 2 * session.get(Model, flag.model_sha).scores["base_rate"]
    with pytest.raises(MissingError, match="flag 999999: there is no such flag"):
        of_flag(lived, session, 999_999)


def test_an_issue_that_does_not_exist_is_named_with_the_nearest(lived):
    with pytest.raises(ConfigError, match=r"backtest: issue 'cut_of' does not exist. Did you mean 'cut_off'"):
        backtest(lived, "cut_of", now=NOW)


def test_a_split_that_cannot_be_judged_is_refused(lived):
    issue = load_issues(lived)["cut_off"]

    with pytest.raises(ConfigError, match="Known: test days until 2025-12-16"):
        split_of(lived, issue, TRAIN_TO, (date(2025, 12, 20),))
    with pytest.raises(ConfigError, match="test days must come after the day to train to, 2025-10-15; got 2025-10-01"):
        split_of(lived, issue, TRAIN_TO, (date(2025, 10, 1),))
    assert split_of(lived, issue, None, ()).test[-1] == END - timedelta(days=15)
