"""The verbs that tell of models: what is in use and why, going back, what was missed, and a reviewer's word."""

import json
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from cli.app import app
from core.errors import BeforehandError, ConfigError, LedgerError
from feature_store import bookkeeping
from ledger.cohorts import Cohort
from ledger.flags import Flag
from ledger.labels import Label
from ledger.models import Model

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = date(2025, 12, 31)
ISSUE = """
description = "d"
horizon_days = 14
capacity = 3
[trouble]
event = "billing.lost"
"""
SOURCE = """
role = "billing"
path = "x/{day}.csv"
customer_id = "c"
event_id = "i"
[[event]]
kind = { column = "k" }
occurred_at = "t"
"""


@pytest.fixture
def say(settings):
    """Run a verb with --json and return what it said; a known error is raised as it is."""
    (settings.folder / "sources" / "billing.toml").write_text(SOURCE)
    (settings.folder / "issues" / "cut_off.toml").write_text(ISSUE)

    def run(*words):
        done = CliRunner().invoke(app, ["--config", str(settings.folder), *words, "--json"])
        if isinstance(done.exception, BeforehandError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


@pytest.fixture
def two(session):
    """A model in use and the one before it."""
    for sha, state, since in [("old", "retired", date(2025, 1, 1)), ("new", "champion", date(2025, 6, 1))]:
        session.add(Model(sha=sha, issue="cut_off", detector="learned", state=state, trained_on=since, feature_set="v", scores={},
                          flag_at=0.5, created_at=NOW, judged_on=since, promoted_on=since, why="skill"))  # fmt: skip
    session.commit()


def test_models_are_listed_newest_first_with_why(say, two):
    assert [(m["sha"], m["state"], m["why"]) for m in say("models")["models"]] == [("new", "champion", "skill"), ("old", "retired", "skill")]
    assert say("models", "show", "cut_off")["models"][0]["sha"] == "new"


def test_a_model_is_rolled_back_by_one_command_that_stays_in_the_audit_trail(say, two, session):
    assert say("models", "rollback", "cut_off", "--as", "mia") == {"issue": "cut_off", "out": "new", "in": "old"}
    with pytest.raises(LedgerError, match="learned has no model that was in use before"):
        say("models", "rollback", "cut_off")
    session.expire_all()
    assert dict(session.execute(select(Model.sha, Model.state)).all()) == {"old": "champion", "new": "rolled_back"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["models", "rolback", "cut_off"], "act 'rolback' does not exist. Did you mean 'rollback'"),
        (["models", "rollback", "cutoff"], "issue 'cutoff' does not exist. Did you mean 'cut_off'"),
        (["models", "rollback"], "the issue is missing"),
        (["models", "rollback", "cut_off", "--detector", "rule"], "detector 'rule' does not exist. Known: learned"),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest(say, words, says):
    with pytest.raises(ConfigError, match=says):
        say(*words)


def test_a_reviewers_word_on_trimmed_flags_becomes_a_label(say, session):
    flag = Flag(customer_id="a", issue="cut_off", day=DAY, probability=0.5, reasons=[], evidence={}, detector="rule", created_at=NOW)
    session.add_all([flag, Cohort(issue="cut_off", day=DAY, size=1, created_at=NOW)])
    session.commit()

    say("review", "cut_off", str(DAY), "trim", "--flag", str(flag.id), "--because", "not_trouble", "--as", "mia")

    assert session.execute(select(Label.flag_id, Label.label, Label.source, Label.said_by)).all() == [(flag.id, "not_trouble", "reviewer", "mia")]
    with pytest.raises(ConfigError, match="--because says why flags are taken out, got none"):
        say("review", "cut_off", str(DAY), "hold", "--because", "not_trouble")


def test_nothing_watched_and_nothing_missed_are_said_to_be_so(say, settings):
    assert say("watch", "--day", str(DAY)) == {"day": str(DAY), "looks": 0, "alarms": 0, "watches": []}
    assert say("missed", "--from", str(DAY))["groups"] == []
    assert bookkeeping.last_closed(settings) is None
