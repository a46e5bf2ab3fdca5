"""What struck customers and was not foreseen is counted once, and each with the reason nobody did."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import select

from core.clock import moment_after
from core.errors import ConfigError
from core.settings import load_settings
from detectors.draft import load_draft, write_draft
from detectors.issue import load_issues
from detectors.missed import groups, missed_between, missed_day, trend
from ledger.flags import Flag
from ledger.missed import Missed
from ledger.models import Model

DAY = timedelta(days=1)
FIRST = date(2025, 1, 1)
NOW = datetime(2026, 1, 1, 6, tzinfo=UTC)
ISSUE = """
description = "d"
gap_days = 2
horizon_days = 14
capacity = 3
[trouble]
{trouble}
"""
LOST = 'event = "billing.lost"'


def nth(day):
    return FIRST + day * DAY


@pytest.fixture
def told(live, on_day, session):
    """Lay events (customer, kind, day) into `billing` and calls (customer, kind, day) into `desk`; some are flagged."""

    def lay(*events, calls=(), flagged=(), trouble=LOST, state="champion", last=60, name="cut_off"):
        live.source("billing", [(who, kind, on_day(day)) for who, kind, day in [("x", "paid", 0), *events]], last=nth(last))
        live.source("desk", [(who, kind, on_day(day)) for who, kind, day in [("x", "hello", 0), *calls]], role="contacts", last=nth(last))
        live.close(nth(last))
        live.issue(name, ISSUE.format(trouble=trouble))
        path = live.settings.folder / "settings.toml"
        path.write_text(path.read_text() + '[loyalty]\ncontacts_source = "desk"\n')
        if state:
            session.add(Model(sha=state, issue=name, detector="learned", state=state, trained_on=nth(1), feature_set="v",
                              scores={}, flag_at=0.5, created_at=NOW))  # fmt: skip
        for who, day in flagged:
            session.add(Flag(customer_id=who, issue=name, day=nth(day), probability=0.5, reasons=[], evidence={},
                             detector="learned", created_at=NOW))  # fmt: skip
        session.commit()
        return load_settings(live.settings.folder)

    return lay


def why(settings, session, first, last, known=None):
    found = missed_between(settings, session, nth(first), nth(last), known_before=moment_after(nth(known or last)))
    return {(who, event): reason for who, event, reason in found.select("customer_id", "event", "why").iter_rows()}


def test_each_trouble_says_why_nobody_foresaw_it(told, session):
    seen = [(who, "paid", 30) for who in ("early", "late", "after", "calm")]
    lost = [(who, "lost", 40.5) for who in ("early", "late", "after", "calm", "stranger")]
    settings = told(*seen, *lost, flagged=[("early", 35), ("late", 38), ("after", 40)])

    assert why(settings, session, 40, 40) == {
        ("early", "billing.lost"): "foreseen",
        ("late", "billing.lost"): "too_late",        # flagged as of day 38, in the morning of the 39th: less than two days ahead
        ("after", "billing.lost"): "too_late",
        ("calm", "billing.lost"): "below_the_line",
        ("stranger", "billing.lost"): "no_data",
    }


@pytest.mark.parametrize(("state", "reason"), [("not_predictable", "no_data"), (None, "no_detector"), ("champion", "below_the_line")])
def test_what_the_detector_says_of_itself_decides(told, session, state, reason):
    settings = told(("a", "paid", 30), ("a", "lost", 40), state=state)

    assert why(settings, session, 40, 40) == {("a", "billing.lost"): reason}


def test_a_contact_no_issue_is_about_had_no_detector(told, session):
    settings = told(("a", "paid", 30), calls=[("a", "moving", 40), ("b", "moving", 40)])

    assert why(settings, session, 40, 40) == {("a", "desk.moving"): "no_detector", ("b", "desk.moving"): "no_data"}


def test_a_flag_whose_time_was_over_foresaw_nothing(told, session):
    settings = told(("a", "paid", 45), ("a", "lost", 50), flagged=[("a", 33)])

    assert why(settings, session, 50, 50) == {("a", "billing.lost"): "below_the_line"}


def test_an_issue_about_every_kind_of_contact_takes_the_blame_for_none(told, session):
    settings = told(("a", "paid", 30), ("b", "paid", 30), calls=[("a", "moving", 40), ("b", "moving", 40)],
                    flagged=[("a", 35)], trouble='any_of = ["desk"]')  # fmt: skip

    assert why(settings, session, 40, 40) == {("a", "desk.moving"): "foreseen", ("b", "desk.moving"): "no_detector"}


def test_a_silence_is_counted_under_its_issue(told, session):
    settings = told(("a", "paid", 10), trouble='absent_for_days = 20\nsource = "billing"', name="quiet")

    assert why(settings, session, 30, 30) == {("a", "quiet"): "below_the_line"}


def test_the_daily_count_is_the_same_when_run_again_and_takes_in_what_came_late(told, live, session):
    settings = told(("a", "paid", 30), ("a", "lost", 40), last=40)
    first = missed_day(day=nth(40), now=NOW, settings=settings)
    late = pl.DataFrame({"customer_id": ["b"], "kind": ["lost"], "occurred_at": [datetime(2025, 2, 10, 3, tzinfo=UTC)]})
    live.write("billing", late, last=nth(43), name_of_id="late", recorded_at=datetime(2025, 2, 12, tzinfo=UTC))

    again = missed_day(day=nth(40), now=NOW, settings=settings)
    missed_day(day=nth(43), now=NOW, settings=settings)

    rows = session.execute(select(Missed.day, Missed.event, Missed.why, Missed.n).order_by(Missed.why)).all()
    assert first == again == {"below_the_line": 1}
    assert rows == [(nth(40), "billing.lost", "below_the_line", 1), (nth(40), "billing.lost", "no_data", 1)]


def test_groups_and_the_trend_say_what_is_missed_most_and_whether_it_gets_better(told, session):
    settings = told(*[(f"c{n}", "paid", 30) for n in range(9)], *[(f"c{n}", "lost", 40) for n in range(6)],
                    calls=[("c7", "moving", 41)], flagged=[(f"c{n}", 35) for n in range(5)])  # fmt: skip
    found = missed_between(settings, session, nth(40), nth(41), known_before=moment_after(nth(41)))
    missed_day(day=nth(41), now=NOW, settings=settings)
    session.rollback()

    assert [(g["event"], g["n"], g["foreseen"]) for g in groups(found).to_dicts()] == [("billing.lost", 6, 5), ("desk.moving", 1, 0)]
    (week,) = trend(session, nth(41))
    assert (week["n"], week["foreseen"]) == (7, pytest.approx(5 / 7, abs=1e-3))


def test_a_draft_is_an_issue_that_takes_effect_only_under_its_proper_name(told):
    settings = told(*[(f"c{n}", "paid", 30) for n in range(9)], calls=[(f"c{n % 9}", "moving", 10 + n / 10) for n in range(300)])

    path = write_draft(settings, "desk.moving", day=nth(60))

    assert set(load_issues(settings)) == {"cut_off"}
    issue = load_draft(path)
    assert (issue.name, issue.trouble.event, issue.capacity, issue.detector) == ("moving", "desk.moving", 3, "learned")
    path.rename(settings.folder / "issues" / "moving.toml")
    assert set(load_issues(settings)) == {"cut_off", "moving"}


@pytest.mark.parametrize(("event", "says"), [("desk.movign", "'desk.movign' did not occur"), ("dsek.moving", "source 'dsek' does not exist. Did you mean 'desk'")])
def test_a_draft_of_what_never_happened_is_refused(told, event, says):
    settings = told(calls=[("a", "moving", 40)])

    with pytest.raises(ConfigError, match=says):
        write_draft(settings, event, day=nth(60))
