"""Trouble strikes when its file says; a label counts once it is settled; the two never share a row with features."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from detectors.issue import Issue, Trouble, load_issues
from detectors.trouble import STRIKES, free, label, strikes, strikes_among, window_end

DAY = timedelta(days=1)
T = datetime(2026, 3, 1, tzinfo=UTC)


def rows(*days, who="a"):
    return pl.DataFrame([(who, T + d * DAY) for d in days], schema=STRIKES, orient="row")


def struck(trouble, *days, until=100):
    found = strikes_among(Trouble(**trouble), rows(*days), until=T + until * DAY)
    return [(at - T) / DAY for at in found.sort("occurred_at")["occurred_at"]]


def issue(**also):
    return Issue(**{"name": "i", "description": "d", "gap_days": 2, "horizon_days": 7, "capacity": 1,
                    "trouble": {"event": "s.k"}, **also})  # fmt: skip


def test_an_event_strikes_when_it_occurs():
    assert struck({"event": "s.k"}, 1, 5) == [1, 5]


def test_silence_strikes_on_the_day_it_reaches_its_length():
    silent = {"absent_for_days": 10, "source": "s"}

    assert struck(silent, 0, 3, 20) == [13, 30]
    assert struck(silent, 0, 9.9) == [19.9]
    assert struck(silent, 0, until=10) == []  # not known to have lasted ten days yet


def test_a_count_strikes_with_the_event_that_reaches_it():
    three_in_ten = {"event": "s.k", "count_at_least": 3, "within_days": 10}

    assert struck(three_in_ten, 0, 4, 8, 9, 30, 31, 45) == [8]
    assert struck(three_in_ten, 0, 4, 10) == []  # the first is just ten days old
    assert struck(three_in_ten, 0, 1, 2, 20, 21, 22) == [2, 22]


@given(st.lists(st.integers(0, 40), max_size=15, unique=True), st.integers(1, 4), st.integers(1, 15))
def test_a_count_is_reached_as_a_plain_loop_says(days, n, within):
    days = sorted(days)
    many = [sum(d - within < other <= d for other in days) for d in days]
    plain = [d for i, d in enumerate(days) if many[i] >= n and (n == 1 or i == 0 or many[i - 1] < n)]

    assert struck({"event": "s.k", "count_at_least": n, "within_days": within}, *days) == plain


@pytest.mark.parametrize(
    ("day", "is_struck"),
    [(-0.1, False), (0, False), (1.99, False), (2, True), (8.99, True), (9, False)],
)
def test_a_label_opens_after_the_gap_and_closes_with_the_horizon(day, is_struck):
    found = label(issue(), pl.Series(["a", "b"]), rows(day), T)

    assert found["struck"].to_list() == [is_struck, False]
    assert found["lag_days"].to_list() == [pytest.approx(day) if is_struck else None, None]
    assert window_end(issue(), T) == T + 9 * DAY


@given(st.integers(-20, 40), st.integers(0, 5), st.integers(1, 10))
def test_a_row_is_seen_by_features_or_by_the_label_but_never_by_both(day, gap, horizon):
    one = issue(gap_days=gap, horizon_days=horizon)
    seen_by_features = T + day * DAY < T

    assert not (seen_by_features and label(one, pl.Series(["a"]), rows(day), T)["struck"][0])


TEXT = """
description = "d"
gap_days = 0
horizon_days = 10
capacity = 1
[trouble]
{trouble}
"""


@pytest.fixture
def written(world, on_day):
    """A lake of one source and an issue about it; days are counted from the first."""
    events = [("a", "lost", on_day(5), {"reason": "card"}), ("a", "lost", on_day(30), {"reason": "bank"}),
              ("b", "seen", on_day(1), {"reason": None}), ("b", "seen", on_day(40), {"reason": None}),
              ("c", "lost", on_day(90), {"reason": "card"})]  # fmt: skip
    world.source("billing", events)

    def make(trouble):
        world.issue("i", TEXT.format(trouble=trouble))
        return load_issues(world.settings)["i"]

    return make


def test_strikes_are_those_between_two_moments_that_were_known(world, written, on_day):
    lost = written('event = "billing.lost"')

    def found(after, before, known):
        return strikes(world.settings, lost, after=on_day(after), before=on_day(before), known_before=on_day(known)).rows()

    assert found(0, 60, 100) == [("a", on_day(5)), ("a", on_day(30))]
    assert found(6, 60, 100) == [("a", on_day(30))]
    assert found(0, 100, 60) == [("a", on_day(5)), ("a", on_day(30))]
    assert found(0, 30, 100) == [("a", on_day(5))]


def test_a_column_narrows_the_events(world, written, on_day):
    card = written('event = "billing.lost"\nwhere = { reason = "card" }')
    wrong = written('event = "billing.lost"\nwhere = { raeson = "card" }')
    span = {"after": on_day(0), "before": on_day(99), "known_before": on_day(99)}

    assert strikes(world.settings, card, **span)["customer_id"].to_list() == ["a", "c"]
    with pytest.raises(ConfigError, match="i.toml: trouble.where: column of billing 'raeson' does not exist. Did you mean 'reason'"):
        strikes(world.settings, wrong, **span)


@pytest.mark.parametrize(
    ("trouble", "day", "ready"),
    [
        pytest.param('event = "billing.lost"', 31, ["b", "c"], id="an event rests for one horizon"),
        pytest.param('event = "billing.lost"', 41, ["a", "b", "c"], id="and is over then"),
        pytest.param('absent_for_days = 20\nsource = "billing"', 45, ["a", "b"], id="silence strikes who was there"),
        pytest.param('absent_for_days = 20\nsource = "billing"', 55, ["b"], id="and is on those who are silent already"),
        pytest.param('count_at_least = 2\nevent = "billing.lost"\nwithin_days = 30', 31, ["b", "c"], id="while the count holds"),
    ],
)
def test_who_is_in_the_middle_of_it_is_not_at_risk(world, written, on_day, trouble, day, ready):
    assert free(world.settings, written(trouble), pl.Series(["a", "b", "c"]), on_day(day)).to_list() == ready
