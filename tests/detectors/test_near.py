"""Who was nearly flagged is kept once, by how much was missing; capacity moves what it took."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from sqlalchemy import select

from detectors.choose import Ready, Seen, choose
from detectors.issue import Issue
from detectors.near import keep_near_misses, margin_of
from detectors.threshold import Level
from ledger.near_misses import NearMiss

DAY = date(2025, 6, 1)
P = np.array([0.9, 0.7, 0.55, 0.5, 0.45, 0.3, 0.1])


class Model:
    """Says P of seven customers, of all of them."""

    features = ()
    proven = True

    def speaks_of(self, numbers):
        return np.ones(len(P), dtype=bool)

    def days_until(self, numbers, half):
        return None


class Kind:
    """A kind that learns."""

    name = "boosted"
    learns = True


@pytest.fixture
def chosen_by():
    issue = Issue.model_construct(name="cut_off", capacity=2)
    rows = pl.DataFrame({"customer_id": [f"c{n}" for n in range(7)]})
    seen = Seen(rows, np.zeros(7, dtype=np.int64))
    ready = Ready(Kind(), Model(), Level(0.5, ""), "sha", [])

    def by(most, *, spoken_for=()):
        return issue, choose(issue, [ready], seen, spoken_for, most=most, say=lambda *_: P), seen

    return by


def test_the_level_parts_flags_from_near_misses(chosen_by):
    _, chosen, _ = chosen_by(10)
    assert [margin_of(chosen, place) for place in chosen.places] == pytest.approx([0.4, 0.2, 0.05, 0.0])
    assert list(chosen.near(2)) == [4, 5]


def test_where_capacity_ends_what_it_took_lies_between_the_last_taken_and_the_first_left(chosen_by):
    _, chosen, _ = chosen_by(2)
    assert margin_of(chosen, 1) == pytest.approx(0.7 - 0.625)
    assert list(chosen.near(3)) == [2, 3, 4]
    assert chosen.margin[2] == pytest.approx(0.55 - 0.625)


def test_who_has_a_flag_already_was_not_missed(chosen_by):
    _, chosen, _ = chosen_by(10, spoken_for=["c4"])
    assert list(chosen.near(2)) == [5, 6]


def test_a_near_miss_is_kept_once(chosen_by, session):
    issue, chosen, seen = chosen_by(10)
    assert keep_near_misses(session, issue, DAY, chosen, seen, most=2) == 2
    assert keep_near_misses(session, issue, DAY, chosen, seen, most=2) == 0, "the same day again adds nothing"
    assert keep_near_misses(session, issue, DAY + timedelta(days=1), chosen, seen, most=2) == 1, "those kept yesterday make room"
    kept = {row.customer_id: row.margin for row in session.scalars(select(NearMiss))}
    assert kept == {"c4": pytest.approx(-0.05), "c5": pytest.approx(-0.2), "c6": pytest.approx(-0.4)}
