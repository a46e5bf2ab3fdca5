"""What people say of flags becomes labels with a source, and is believed only where it makes the detector better."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from sqlalchemy import select

from core.errors import LedgerError
from detectors.detector import unit_code
from detectors.issue import Issue
from detectors.learned import DETECTOR
from detectors.opinions import Opinions, opinions, taught
from ledger.flags import Flag
from ledger.labels import Label, say

NOW = datetime(2026, 2, 1, 6, tzinfo=UTC)
DAY = date(2026, 1, 20)
ISSUE = Issue(name="i", description="d", horizon_days=14, capacity=3, trouble={"event": "s.k"})
NOBODY = pl.DataFrame(schema={"unit": pl.Int64, "first": pl.Date, "last": pl.Date})


@pytest.fixture
def flagged(session):
    """Two flags of the issue, of customers a and b."""
    flags = [Flag(customer_id=who, issue="i", day=DAY, probability=0.5, reasons=[], evidence={}, detector="rule", created_at=NOW)
             for who in "ab"]  # fmt: skip
    session.add_all(flags)
    session.flush()
    return [flag.id for flag in flags]


def read(settings, session, day=date(2026, 2, 1)):
    rows = pl.DataFrame({"customer_id": ["a", "b", "c"], "as_of": [DAY] * 3, "x": [1.0, 2.0, 3.0]})
    return opinions(settings, session, ISSUE, lambda on: rows, day=day)


def test_a_word_is_kept_once_with_who_said_it(session, flagged):
    assert say(session, flagged, label="not_trouble", said_by="mia", now=NOW) == 2
    assert say(session, flagged, label="already_known", said_by="tom", now=NOW) == 0
    assert session.execute(select(Label.label, Label.source, Label.said_by)).all() == [("not_trouble", "reviewer", "mia")] * 2
    with pytest.raises(LedgerError, match="label 'nottrouble' does not exist. Did you mean 'not_trouble'"):
        say(session, flagged, label="nottrouble", said_by="mia", now=NOW)
    with pytest.raises(LedgerError, match=r"flags \[999\] do not exist"):
        say(session, [999], label="not_trouble", said_by="mia", now=NOW)


def test_no_trouble_is_an_example_as_the_customer_was_and_already_known_is_a_time_to_leave_out(settings, session, flagged):
    say(session, flagged[:1], label="not_trouble", said_by="mia", now=NOW)
    say(session, flagged[1:], label="already_known", said_by="mia", now=NOW)

    said = read(settings, session)

    assert (said.features, said.numbers.tolist(), len(said)) == (("x",), [[1.0]], 2)
    assert said.known.select("first", "last").row(0) == (DAY - timedelta(days=14), DAY + timedelta(days=14))
    assert len(read(settings, session, day=date(2026, 1, 31))) == 0, "nobody had said anything yet"


def test_those_known_already_are_left_out_while_it_was_known(examples):
    known = examples(n=400)
    me = known.unit[0]
    about_me = pl.DataFrame({"unit": [me], "first": [known.cutoffs[known.cutoff[0]]], "last": [known.cutoffs[known.cutoff[0]]]},
                            schema=NOBODY.schema)  # fmt: skip

    rest = Opinions(known.features, known.numbers[:3], unit_code(pl.Series(["p", "q", "r"])), about_me).added_to(known, 2.0)

    assert len(rest.struck) == 400 - 1 + 3
    assert rest.weight[-3:].tolist() == [2.0] * 3
    assert not rest.struck[-3:].any()


@pytest.mark.parametrize(("right", "kept"), [(True, True), (False, False)])
def test_words_are_believed_only_where_they_make_the_detector_better(examples, right, kept):
    """A trap in the past (loud noise looked like trouble) that people saw through, or people who call trouble none."""
    known = examples(n=6000)
    loud = known.numbers[:, 1] > 0.5
    past = replace(known, struck=known.struck | (loud & (known.cutoff < 3))).of(known.cutoff < 3)
    later = known.of(known.cutoff == 3)
    rng = np.random.default_rng(0)
    about = rng.choice(np.flatnonzero(loud if right else known.numbers[:, 0] >= 2), 900)
    said = Opinions(known.features, known.numbers[about], rng.integers(0, 2**32, 900), NOBODY)

    model, fact = taught(DETECTOR, ISSUE, said, past, later.of(later.unit % 4 < 2), later)

    assert (fact["words"], fact["kept"]) == (900, kept)
    assert (fact["difference"]["low"] > 0) == kept
    assert model.features == known.features


def test_a_few_words_teach_nothing_yet(examples):
    known = examples(n=600)
    said = Opinions(known.features, known.numbers[:3], known.unit[:3], NOBODY)

    _, fact = taught(DETECTOR, ISSUE, said, known.of(known.cutoff < 2), known.of(known.cutoff == 2), known.of(known.cutoff == 3))

    assert fact == {"words": 3, "kept": False}
