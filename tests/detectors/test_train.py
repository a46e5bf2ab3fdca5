"""Training knows no more than its day did, tells skill from none, and gives the same model twice."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from core.settings import Training
from detectors.examples import later_days, past_days
from detectors.issue import Issue
from detectors.score import flag_day
from detectors.train import stages, train_all
from feature_store.build import build_day
from ledger.days import Day
from ledger.flags import Flag
from ledger.models import Model

END = date(2025, 12, 31)
NOW = datetime(2026, 1, 1, 6, tzinfo=UTC)
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
def company_of(live, failing_company, billing_file):
    """Lay a made company in the lake, and one issue."""

    def lay(issue=ISSUE, **how):
        billing_file(live)
        live.write("billing", failing_company(**how))
        live.close()
        live.issue("cut_off", issue)
        return live.settings

    return lay


def test_a_detector_with_skill_becomes_champion_once(company_of, session):
    settings = company_of()

    (fact,) = train_all(day=END, now=NOW, settings=settings)
    again = train_all(day=END, now=NOW + timedelta(hours=1), settings=settings)

    row = session.scalars(select(Model)).one()
    assert again == [fact]
    assert (row.state, row.sha, row.trained_on, row.issue) == ("champion", fact["sha"], END, "cut_off")
    assert row.scores["skill_low"] > 0.1
    assert row.scores["calibration_slope"] == pytest.approx(1, abs=0.5)
    assert fact["precision_when_flagged"] > 4 * row.scores["base_rate"]
    assert (settings.root / "models" / row.sha / "card.json").exists()


def test_a_training_that_was_killed_gives_the_same_model_when_run_again(company_of, session):
    settings = company_of()
    (first,) = train_all(day=END, now=NOW, settings=settings)
    session.execute(delete(Model))
    session.execute(delete(Day))
    session.commit()

    (second,) = train_all(day=END, now=NOW, settings=settings)

    assert second == first


def test_where_nothing_foretells_the_trouble_nobody_is_flagged(company_of, session):
    settings = company_of(signal=False)

    (fact,) = train_all(day=END, now=NOW, settings=settings)
    opened = flag_day(build_day(day=END, settings=settings), day=END, now=NOW, settings=settings)

    assert fact["state"] == "not_predictable"
    assert fact["scores"]["skill_low"] <= 0
    assert (opened, session.scalars(select(Flag)).all()) == (0, [])


def test_what_happened_after_the_day_does_not_change_what_is_learned(company_of, live, failing_company, session):
    settings = company_of()
    day = END - timedelta(days=60)
    (before,) = train_all(day=day, now=NOW, settings=settings)
    session.execute(delete(Model))
    session.execute(delete(Day))
    session.commit()
    late = failing_company().filter(pl.col("kind") == "service_lost").unique("customer_id", maintain_order=True)
    late = late.with_columns(occurred_at=pl.lit(datetime(2025, 10, 15, tzinfo=UTC)))
    live.write("billing", late, last=END + timedelta(days=1), name_of_id="late", recorded_at=NOW)

    assert train_all(day=day, now=NOW, settings=settings) == [before]


def test_too_little_trouble_is_said_and_trains_nothing(company_of, session):
    settings = company_of(customers=60)

    (fact,) = train_all(day=END, now=NOW, settings=settings)

    assert (fact["state"], fact["struck"] < settings.training.least_troubles) == ("too_few_troubles", True)
    assert session.scalars(select(Model)).all() == []


def test_a_rule_learns_how_often_it_was_right(company_of, session):
    settings = company_of(
        ISSUE.replace("capacity", 'detector = "rule"\ncapacity')
        + '[rule]\nwhen = ["billing__payment_failed__count_7d >= 2"]\nreason = "Cards fail."\n'
    )

    (fact,) = train_all(day=END, now=NOW, settings=settings)

    assert fact["state"] == "champion"
    assert fact["scores"]["mean_probability"] < 0.2
    assert 0.3 < fact["precision_when_flagged"] < 1


@given(st.dates(date(2025, 1, 1), date(2026, 1, 1)), st.integers(0, 5), st.integers(1, 60), st.integers(1, 40))
def test_every_day_learned_from_has_a_settled_label(day, gap, horizon, every):
    issue = Issue(name="i", description="d", gap_days=gap, horizon_days=horizon, capacity=1, trouble={"event": "s.k"})

    found = past_days(issue, Training(every_days=every, cutoffs=5), day=day, first=date(2024, 6, 1))

    assert all(cutoff + timedelta(days=gap + horizon) <= day for cutoff in found)
    assert found == sorted(set(found))
    assert all(cutoff > date(2024, 6, 1) for cutoff in found)
    assert all((b - a).days == every for a, b in pairwise(found))
    assert not found or (day - found[-1]).days < gap + horizon + every


@pytest.mark.parametrize(("days", "later", "split"), [(13, 3, (10, 2, 1)), (4, 3, (1, 2, 1)), (3, 3, (1, 1, 1)), (9, 1, (7, 1, 1))])
def test_learning_comes_before_calibrating_and_that_before_judging(examples, days, later, split):
    parts = stages(examples(days=days), later_days(days, Training(calibrate_on=later)))

    seen = [np.unique(part.cutoff).tolist() for part in parts]
    assert tuple(map(len, seen)) == split
    assert seen[0] + seen[1] + seen[2] == list(range(days))
