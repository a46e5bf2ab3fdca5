"""Scoring a day flags the right customers once, says why, and closes the stories that ended."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from core.errors import ConfigError, ModelError
from detectors.score import flag_day
from detectors.train import train_all
from feature_store.build import build_day
from feature_store.defaults import freeze
from feature_store.feature import Feature, Measure
from ledger.cohorts import Cohort
from ledger.days import Day
from ledger.flags import Flag
from ledger.models import Model

DAY = timedelta(days=1)
FIRST = date(2025, 1, 1)
NOW = datetime(2026, 1, 1, 6, tzinfo=UTC)
ISSUE = """
description = "Service is lost because payments fail."
detector = "rule"
horizon_days = 14
capacity = {capacity}
[trouble]
event = "billing.service_lost"
[rule]
when = ["billing__payment_failed__count_7d >= 2"]
reason = "The card failed twice within a week."
"""


def nth(day):
    return FIRST + day * DAY


@pytest.fixture
def play(live, on_day):
    """Lay events (customer, kind, day) into the lake and score days; customer `calm` pays every week."""

    def lay(*events, capacity=10, last=120, replay=False):
        calm = [("calm", "payment_succeeded", on_day(day), {"amount_cents": 1000}) for day in range(0, last, 7)]
        told = [(who, kind, on_day(day), {"amount_cents": None}) for who, kind, day in events]
        live.source("billing", calm + told, last=nth(last))
        live.close(nth(last), replay=replay)
        live.issue("cut_off", ISSUE.format(capacity=capacity))

        def score(day):
            path = build_day(day=nth(day), settings=live.settings)
            return flag_day(path, day=nth(day), now=NOW, settings=live.settings)

        return score

    return lay


def failing(who, *days):
    return [(who, "payment_failed", day) for day in days]


def flags(session):
    """Return (customer, day number, state, closed day number) of every flag."""
    session.expire_all()
    rows = session.scalars(select(Flag).order_by(Flag.day, Flag.customer_id))
    return [(f.customer_id, (f.day - FIRST).days, f.state, f.closed_on and (f.closed_on - FIRST).days) for f in rows]


def test_those_the_rule_holds_for_are_flagged_and_no_others(play, session):
    score = play(*failing("a", 38, 39), *failing("b", 30, 39), *failing("c", 41, 42))

    assert score(40) == 1
    assert flags(session) == [("a", 40, "open", None)]
    cohort = session.scalars(select(Cohort)).one()
    assert (cohort.issue, cohort.day, cohort.size, cohort.state, cohort.replay) == ("cut_off", nth(40), 1, "waiting", False)


def test_a_flag_says_why_in_sentences(play, session):
    play(*failing("a", 38, 39), capacity=1)(40)

    flag = session.scalars(select(Flag)).one()
    assert flag.reasons == [
        "The card failed twice within a week.",
        "2 payment failed events in 7 days; customers like this one: 1",
    ]
    assert flag.evidence == {"billing__payment_failed__count_7d": {"value": 2.0, "usual": 1.0}}
    assert (flag.probability, flag.days_until, flag.detector, flag.model_sha) == (0.5, 7.0, "rule", None)
    cohort = session.scalars(select(Cohort)).one()
    assert (cohort.expected_precision, cohort.expected_worth) == (None, None), "nobody knows how often an untried rule is right"
    assert cohort.thresholds == {"rule": {"flag_at": 1e-6, "set_by": "base rate"}}


def test_running_the_day_again_adds_nothing(play, session):
    score = play(*failing("a", 38, 39))
    first = score(40)
    before = [(f.id, f.created_at) for f in session.scalars(select(Flag))]

    assert score(40) == first == 1
    session.expire_all()
    assert [(f.id, f.created_at) for f in session.scalars(select(Flag))] == before
    assert session.scalar(select(func.count()).select_from(Day)) == 1


def test_capacity_is_per_day_since_the_last_scored_one(play, session):
    many = [event for n in range(20) for event in failing(f"c{n:02}", 38, 39, 44, 45)]
    score = play(*failing("long ago", 10), *many, capacity=0.5)

    assert score(36) == 0
    assert score(40) == 2
    assert score(47) == 4  # seven days, 3.5 rounded to even
    assert [who for who, *_ in flags(session)] == ["c00", "c01", "c02", "c03", "c04", "c05"]


def test_a_flag_stays_open_until_the_trouble_strikes(play, session):
    score = play(*failing("a", 38, 39, 44, 45), ("a", "service_lost", 50))
    for day in (40, 46, 50, 51):
        score(day)

    assert flags(session) == [("a", 40, "struck", 50)]


def test_a_flag_expires_when_its_trouble_can_no_longer_come_and_rests(play, session):
    score = play(*failing("a", *range(30, 100)))
    for day in (40, 53, 54, 60, 67, 68):
        score(day)

    assert flags(session) == [("a", 40, "expired", 54), ("a", 68, "open", None)]


def test_who_was_struck_is_flagged_anew_only_after_the_episode(play, session):
    score = play(*failing("a", *range(30, 100)), ("a", "service_lost", 50))
    for day in (40, 50, 60, 63, 64):
        score(day)

    assert flags(session) == [("a", 40, "struck", 50), ("a", 64, "open", None)]


def test_a_backfilled_day_makes_replay_flags_that_never_stand_in_the_way(play, live, session, on_day):
    score = play(*failing("a", 38, 39), last=40, replay=True)
    score(40)
    later = [(who, kind, on_day(day), {"amount_cents": 1}) for who, kind, day in failing("a", 41.2, 41.3)]
    live.source("billing", later, last=nth(41), name_of_id="later")
    live.close(nth(41))

    assert score(41) == 1
    rows = [(f.day, f.replay, f.state) for f in session.scalars(select(Flag).order_by(Flag.day))]
    assert rows == [(nth(40), True, "expired"), (nth(41), False, "open")]
    assert [c.replay for c in session.scalars(select(Cohort).order_by(Cohort.day))] == [True, False]


def test_vectors_of_another_day_are_refused(play, live):
    play(*failing("a", 38, 39))
    path = build_day(day=nth(40), settings=live.settings)

    with pytest.raises(ModelError, match="holds vectors as of 2025-02-10, not of 2025-02-11"):
        flag_day(path, day=nth(41), now=NOW, settings=live.settings)


def test_a_condition_on_a_feature_nobody_drew_names_the_file_and_the_nearest(play, live):
    score = play(*failing("a", 38, 39))
    live.issue("cut_off", ISSUE.format(capacity=1).replace("count_7d", "cuont_7d"))

    with pytest.raises(ConfigError, match=r"cut_off.toml: rule.when\[0\]: feature .* Did you mean 'billing__payment_failed__count_7d'"):
        score(40)


def test_a_model_whose_features_are_computed_differently_now_is_refused(play, live, session):
    failed = [(f"c{n:03}", "payment_failed", day) for n in range(900) for day in (10 + n % 127, 11 + n % 127)]
    lost = [(f"c{n:03}", "service_lost", 16 + n % 127) for n in range(900) if n % 3]
    score = play(*failed, *lost, last=160)
    (fact,) = train_all(day=nth(150), now=NOW, settings=live.settings)
    changed = Feature("billing__payment_failed__count_7d", Measure("billing", "count", 8, kind="payment_failed"), 0)
    freeze(live.settings, nth(151), keep=[changed])

    with pytest.raises(ModelError, match=f"{fact['sha']}: feature 'billing__payment_failed__count_7d' is defined differently"):
        score(152)


def test_a_learned_detector_flags_those_about_to_be_struck(live, failing_company, billing_file, session):
    billing_file(live)
    live.write("billing", failing_company())
    live.close()
    live.issue("cut_off", ISSUE.format(capacity=3).partition("[rule]")[0].replace('"rule"', '"learned"'))
    end = date(2025, 12, 31)
    train_all(day=end, now=NOW, settings=live.settings)
    session.execute(update(Model).values(trained_on=end))

    path = build_day(day=end, settings=live.settings)
    opened = flag_day(path, day=end, now=NOW, settings=live.settings)

    found = session.scalars(select(Flag)).all()
    model = session.scalars(select(Model)).one()
    assert 1 <= opened <= 3
    assert all(f.probability > 0.5 > model.flag_at > model.scores["base_rate"] for f in found)
    assert all(f.model_sha == model.sha and 0 < f.days_until <= 14 for f in found)
    assert all(any("payment failed" in reason for reason in f.reasons) for f in found)
    assert session.scalars(select(Cohort)).one().expected_precision == pytest.approx(
        sum(f.probability for f in found) / len(found), abs=1e-5
    )


TWO = ISSUE.partition("[rule]")[0].replace('detector = "rule"\n', "") + """
[value]
contact_cost = 1
needless_cost = 2
saved = 10
[detectors.rule]
when = ["billing__payment_failed__count_7d >= 2"]
reason = "The card failed twice within a week."
[detectors.known_date]
since = "billing__notice__recency_days"
after_days = 14
reason = "The card expires"
"""


def test_several_detectors_make_one_flag_with_the_evidence_of_the_surest(play, live, session):
    noticed = [(who, "notice", 35) for who in ("both", "date")]
    score = play(*failing("both", 38, 39), *failing("rule", 38, 39), *noticed)
    live.issue("cut_off", TWO.format(capacity=10))

    score(40)

    found = {f.customer_id: f for f in session.scalars(select(Flag))}
    assert {who: f.detector for who, f in found.items()} == {"both": "rule", "rule": "rule", "date": "known_date"}
    assert found["both"].reasons[0] == "The card failed twice within a week."
    assert found["both"].reasons[-1] == "The card expires: in 8 days"
    assert found["date"].reasons[0] == "The card expires: in 8 days"
    assert (found["date"].days_until, found["rule"].days_until) == (8.0, 7.0)
    cohort = session.scalars(select(Cohort)).one()
    assert set(cohort.thresholds) == {"rule", "known_date"}
    assert cohort.thresholds["rule"] == {"flag_at": pytest.approx(0.25), "set_by": "money"}


def test_a_flag_that_a_person_took_out_is_closed_and_its_customer_rests(play, session):
    score = play(*failing("a", *range(30, 100)), *failing("b", *range(30, 100)))
    score(40)
    first = session.scalars(select(Flag.id).where(Flag.customer_id == "a")).one()
    session.execute(update(Cohort).values(trimmed=[first]))
    session.commit()
    for day in (41, 47, 54, 55):
        score(day)

    assert [f for f in flags(session) if f[0] == "a"] == [("a", 40, "trimmed", 41), ("a", 55, "open", None)]
    assert next(f for f in flags(session) if f[0] == "b") == ("b", 40, "expired", 54)


def test_what_a_cohort_is_expected_to_be_worth_stands_on_it(play, live, session):
    failed = [(f"c{n:03}", "payment_failed", day) for n in range(900) for day in (10 + n % 127, 11 + n % 127)]
    lost = [(f"c{n:03}", "service_lost", 16 + n % 127) for n in range(900) if n % 3]
    score = play(*failed, *lost, *failing("late", 158, 159), last=160)
    live.issue("cut_off", ISSUE.format(capacity=10).replace("[rule]", "[value]\ncontact_cost = 1\nneedless_cost = 2\nsaved = 10\n[rule]"))
    (fact,) = train_all(day=nth(150), now=NOW, settings=live.settings)

    score(160)

    cohort, flag = session.scalars(select(Cohort)).one(), session.scalars(select(Flag)).one()
    assert fact["state"] == "champion"
    assert cohort.expected_precision == pytest.approx(flag.probability, abs=1e-5)
    assert 0.5 < flag.probability < 0.8
    assert cohort.expected_worth == pytest.approx(10 * flag.probability - 2 * (1 - flag.probability) - 1, abs=0.01)
