"""A challenger takes over only when it is better beyond noise, in no large segment worse, on days neither saw."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.errors import LedgerError
from detectors import champion, models
from detectors.better import difference, large_segments
from detectors.cases import Cases
from detectors.champion import Contest, asked
from detectors.evaluate import judge
from detectors.issue import Issue
from detectors.rollback import rollback
from detectors.rule import DETECTOR, RuleModel
from feature_store.feature import Feature, Measure
from feature_store.feature_set import make_set, store
from ledger.models import Model

DAY = date(2026, 1, 10)
NOW = datetime(2026, 1, 10, 6, tzinfo=UTC)
ISSUE = Issue(name="i", description="d", horizon_days=14, capacity=3, trouble={"event": "s.k"})
FEATURES = [Feature(name, Measure("s", "count", 28, kind=name), 0) for name in ("failures", "noise", "gaps")]
GOOD, WEAK, WRONG = ("failures >= 1",), ("failures >= 3",), ("noise >= 0",)


@pytest.fixture
def contest(settings, session, examples):
    """A day of training on which models of a rule meet; `enter` brings one in and returns what became of it."""
    frozen = store(settings, make_set(FEATURES, frozen_on=date(2025, 1, 1), notes=[]))
    known = examples(days=4)

    def enter(when, *, seen_until=0, on=DAY, kind=DETECTOR, judged=known, otherwise=None):
        at = judged.numbers[:, [known.features.index(c.split()[0]) for c in when]]
        holds = RuleModel(tuple(c.split()[0] for c in when), when, Cases((1.0,), 0.0, 99)).cells(at) == 0
        calm = judged.struck[~holds].mean() if otherwise is None else otherwise
        model = RuleModel(tuple(c.split()[0] for c in when), when, Cases((float(judged.struck[holds].mean()),), float(calm), 99))
        probability = model.probability(at, judged.half)
        scores = judge(judged.struck, probability, judged.weight, judged.unit)
        card = {"issue": "i", "detector": "rule", "asked": asked(ISSUE, kind), "lags": [], "cutoffs": [str(judged.cutoffs[seen_until])]}
        sha = models.store(settings, model, card, frozen, at)
        if session.get(Model, sha) is None:
            session.add(Model(sha=sha, issue="i", detector="rule", state="challenger", trained_on=on, feature_set=frozen.version,
                              scores={**scores.as_dict(), "cutoffs": card["cutoffs"]}, flag_at=0.2, created_at=NOW))  # fmt: skip
            session.flush()
        here = Contest(settings, session, ISSUE, kind, frozen, on, judged)
        ruling = champion.rule(here, sha, model, scores)
        champion.apply(here, ruling, sha)
        session.flush()
        return ruling, sha

    return enter


def states(session):
    session.expire_all()
    return {row.sha: row.state for row in session.scalars(select(Model))}


def test_the_first_with_skill_comes_into_use_and_one_without_flags_nobody(contest, session):
    assert contest(WRONG)[0].state == "not_predictable"
    ruling, sha = contest(GOOD)

    assert ruling.state == "champion"
    assert session.get(Model, sha).promoted_on == DAY


def test_a_rule_without_skill_is_in_use_only_where_its_file_stands_by_it(contest):
    standing = DETECTOR.tuned("i.toml", {"stand_by": True})

    assert contest(WRONG, kind=standing)[0].state == "unproven"


def test_a_better_one_takes_over_and_a_worse_one_does_not(contest, session):
    _, weak = contest(WEAK)
    ruling, good = contest(GOOD, seen_until=3, on=DAY + timedelta(days=7))
    assert states(session) == {weak: "retired", good: "champion"}
    assert ruling.difference.low > 0

    back, worse = contest(("failures >= 4",), seen_until=3, on=DAY + timedelta(days=7))
    assert (back.state, back.keeps) == ("challenger", True)
    assert states(session) == {weak: "retired", good: "champion", worse: "challenger"}


def test_days_that_the_one_in_use_knew_decide_nothing(contest, session):
    _, weak = contest(WEAK, seen_until=3)

    ruling, good = contest(GOOD, seen_until=3)

    assert (ruling.state, ruling.why) == ("challenger", "no day yet that the model in use had not seen")
    assert states(session) == {weak: "champion", good: "challenger"}


def test_the_one_in_use_is_judged_anew_each_time(contest, session):
    _, weak = contest(GOOD)
    contest(WEAK, seen_until=3, on=DAY + timedelta(days=7))

    row = session.get(Model, weak)
    assert row.judged_on == DAY + timedelta(days=7)
    assert row.scores["later"]["skill_low"] > 0


def test_where_neither_has_skill_any_more_nobody_is_flagged(contest, session, examples):
    contest(GOOD)
    changed = examples(days=4)
    shuffled = replace(changed, struck=np.random.default_rng(5).permutation(changed.struck))

    ruling, _ = contest(GOOD, judged=shuffled, seen_until=3, on=DAY + timedelta(days=7), otherwise=0.3)

    assert ruling.state == "not_predictable"
    assert set(states(session).values()) == {"retired", "not_predictable"}


def test_better_on_the_whole_is_not_enough_where_a_large_segment_loses(examples):
    known = examples(n=6000)
    inside = known.numbers[:, 1] > 0.8
    honest = np.where(known.numbers[:, 0] >= 2, 0.35, 0.09)
    first, second = np.where(inside, 0.9, honest), np.where(inside, honest, known.struck.mean() + 0.2)

    found = difference(known, first, second, {"loud": inside, "quiet": ~inside})

    assert found.worse_in == ("loud",)
    assert not found.better
    assert "quiet" not in found.worse_in


def test_large_segments_are_those_of_yes_or_no_features_with_enough_trouble(examples):
    known = examples()
    yes = np.random.default_rng(0).random(len(known.struck)) < 0.3
    numbers = np.column_stack([known.numbers[:, 0], yes, np.arange(len(yes)) < 20]).astype(np.float32)

    found = large_segments(("failures", "plan__is_a", "plan__is_rare"), numbers, known.struck)

    assert set(found) == {"plan__is_a", "not plan__is_a"}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_the_same_probabilities_are_never_better_and_noise_seldom(examples, seed):
    known, rng = examples(seed), np.random.default_rng(seed)
    p = np.clip(0.02 + 0.15 * known.numbers[:, 0], 0.01, 0.9).astype(np.float64)

    same = difference(known, p, p)
    noisy = difference(known, np.clip(p + rng.normal(0, 0.05, len(p)), 0, 1), p)

    assert (same.mean, same.low, same.high, same.better) == (0, 0, 0, False)
    assert not noisy.better


def test_a_model_rolled_back_is_never_used_again_and_the_one_before_is(contest, session, settings, write_issue):
    write_issue(settings)
    _, weak = contest(WEAK)
    _, good = contest(GOOD, seen_until=3, on=DAY + timedelta(days=7))
    session.commit()

    assert rollback(settings, "i", by="mia", now=NOW) == (good, weak)
    assert states(session) == {weak: "champion", good: "rolled_back"}
    with pytest.raises(LedgerError, match="rule has no model that was in use before, got nothing to go back to"):
        rollback(settings, "i", by="mia", now=NOW)
    again, _ = contest(GOOD, seen_until=3, on=DAY + timedelta(days=14))
    assert (again.state, again.keeps) == ("rolled_back", True)
    assert states(session) == {weak: "champion", good: "rolled_back"}


@pytest.fixture
def write_issue(billing_file):
    """Write the rule's file of the issue `i` and its source."""

    def write(settings):
        text = 'description = "d"\ndetector = "rule"\nhorizon_days = 14\ncapacity = 3\n[trouble]\nany_of = ["s"]\n[rule]\nwhen = ["failures >= 1"]\nreason = "r"\n'
        (settings.folder / "issues" / "i.toml").write_text(text)
        source = 'role = "billing"\npath = "x/{day}.csv"\ncustomer_id = "c"\nevent_id = "i"\n[[event]]\nkind = "k"\noccurred_at = "t"\n'
        (settings.folder / "sources" / "s.toml").write_text(source)

    return write
