"""A model in use is watched by effect sizes; one that failed or is stale stops sending and says why."""

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from detectors.reference import population_stability, reference, shares, standardized_differences
from detectors.score import flag_day
from detectors.train import train_all
from detectors.watch import watch_day
from feature_store.build import build_day
from ledger.brakes import open_brakes
from ledger.flags import Flag
from ledger.messages import Message, State
from ledger.models import Model
from ledger.watches import Watch

END = date(2025, 12, 31)
NOW = datetime(2026, 1, 1, 6, tzinfo=UTC)
ISSUE = """
description = "Service is lost because payments fail."
detector = "rule"
gap_days = 1
horizon_days = 14
capacity = 3
[trouble]
event = "billing.service_lost"
[rule]
when = ["billing__payment_failed__count_7d >= 2"]
reason = "Cards fail."
"""
RNG = np.random.default_rng(0)


@pytest.fixture
def trained(live, failing_company, billing_file, session):
    """A company whose rule was trained two months ago, and in use since."""
    billing_file(live)
    live.write("billing", failing_company())
    live.close()
    live.issue("cut_off", ISSUE)
    train_all(day=END - timedelta(days=60), now=NOW, settings=live.settings)
    return live.settings


def looks(session):
    session.expire_all()
    return {w.kind: w for w in session.scalars(select(Watch))}


def test_a_model_that_still_does_what_it_did_raises_no_alarm_and_is_looked_at_once_a_day(trained, session):
    for day in (END - timedelta(days=20), END):
        flag_day(build_day(day=day, settings=trained), day=day, now=NOW, settings=trained)

    first = watch_day(day=END, now=NOW, settings=trained)
    assert watch_day(day=END, now=NOW + timedelta(hours=1), settings=trained) == first == {"looks": 5, "alarms": 0}

    found = looks(session)
    assert set(found) == {"stale", "scores", "features", "calibration", "precision"}
    assert found["calibration"].value == pytest.approx(1, abs=0.25)
    assert found["precision"].value is None, "nobody was held out"
    assert found["stale"].value == 60
    assert open_brakes(session) == []


def test_a_model_not_held_against_what_happened_for_long_stops_sending(trained, session):
    session.execute(update(Model).values(judged_on=END - timedelta(days=121)))
    session.commit()

    assert watch_day(day=END, now=NOW, settings=trained)["alarms"] == 1

    (brake,) = open_brakes(session, "cut_off")
    assert brake.kind == "model"
    assert brake.reason == "last held against what happened on 2025-09-01, 121 days ago (at most 120)"


def test_a_model_that_cannot_be_loaded_stops_sending_and_says_why(trained, session):
    sha = session.scalars(select(Model.sha)).one()
    card = trained.root / "models" / sha / "card.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "libraries": {"scikit-learn": "0.1"}}))

    assert watch_day(day=END, now=NOW, settings=trained) == {"looks": 1, "alarms": 1}

    assert looks(session)["failed"].why.startswith("the model in use cannot be used: ")
    assert "trained with scikit-learn 0.1" in open_brakes(session, "cut_off")[0].reason


def test_live_precision_is_that_of_the_held_out_alone(trained, session):
    sha = session.scalars(select(Model.sha)).one()
    on = END - timedelta(days=30)
    for n in range(160):
        held = n < 80
        flag = Flag(customer_id=f"c{n:05}", issue="cut_off", day=on, probability=0.5, reasons=[], evidence={}, detector="rule",
                    model_sha=sha, created_at=NOW, state="struck" if n % 4 == 0 and held else "expired")  # fmt: skip
        session.add(flag)
        session.flush()
        session.add(Message(key=f"k{n}", flag_id=flag.id, kind="notice", issue="cut_off", playbook_version="1", customer_id=flag.customer_id,
                            unit_id=flag.customer_id, channel="mailbox", day=on, state=State.HELD_OUT if held else State.ACCEPTED,
                            planned_at=NOW, due_at=NOW))  # fmt: skip
    session.commit()

    watch_day(day=END, now=NOW, settings=trained)

    found = looks(session)["precision"]
    assert (found.n, found.value, found.alarm) == (80, 0.25, True)
    assert found.why == "20 of 80 held-out flags were right, 25% (17% to 35%); 50% were claimed"
    assert open_brakes(session) == [], "drift alarms; a person decides"


def test_the_stability_index_is_nothing_without_a_change_and_an_alarm_with_one():
    before = RNG.beta(1, 20, 5000)
    kept = reference(("a",), np.ones((5000, 1), dtype=np.float32), before)

    def shift(now):
        return population_stability(kept["shares"], shares(np.array(kept["edges"]), now))

    assert shift(RNG.beta(1, 20, 3000)) < 0.02
    assert shift(RNG.beta(1, 8, 3000)) > 0.25


@given(st.integers(0, 10_000), st.integers(600, 3000))
def test_drift_is_an_effect_size_so_more_customers_alone_never_alarm(seed, n):
    rng = np.random.default_rng(seed)
    before, now = (rng.poisson(2, (m, 3)).astype(np.float32) for m in (5000, n))
    kept = reference(("a", "b", "c"), before, rng.random(5000))

    assert max(map(abs, standardized_differences(kept["features"], kept["rows"], now).values())) < 0.5


def test_a_feature_that_goes_missing_or_doubles_is_named():
    before = RNG.poisson(4, (5000, 2)).astype(np.float32)
    kept = reference(("a", "b"), before, RNG.random(5000))
    now = before.copy()
    now[:, 0] *= 2
    now[:2000, 1] = np.nan

    found = standardized_differences(kept["features"], kept["rows"], now)

    assert found["a"] == pytest.approx(2, abs=0.2)
    assert found["b"] < -2
