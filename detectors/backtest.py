"""Replay past days exactly as they would have run: train as of one day, flag on later ones, then look at what happened.

Training and flagging are the functions of a day that run every morning, on tables of their own; the ledger and the
features in use are left alone.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import moment_after
from core.errors import ConfigError, MissingError, unknown_name
from core.settings import Settings
from detectors import models
from detectors.backtested import Backtested, Flagged, Rows
from detectors.detector import Examples, Model, Probabilities, numbers_of, unit_code
from detectors.examples import at_risk, collect, later_days, past_days
from detectors.intervened import contact_units, shared_units
from detectors.issue import Issue, load_issues
from detectors.rivals import Learners, learn, simple_scores
from detectors.score import Scoring, flag_issue
from detectors.train import Training, first_day, stages, train_issue
from detectors.trouble import label, strikes, window_end
from detectors.watching import check_features, kinds_of, with_signs
from feature_store import lake
from feature_store.build import vectors
from feature_store.defaults import drawn_as_of
from feature_store.feature_set import FeatureSet, keep
from ledger.database import sessions
from ledger.flags import Flag
from ledger.models import Model as ModelRow
from ledger.scratch import scratch

TEST_DAYS, EVERY_DAYS = 8, 7  # unless stated: the newest weeks whose outcome is known


@dataclass(frozen=True)
class Split:
    """As of which day to train, and the later days to flag on."""

    train_to: date
    test: tuple[date, ...]


def split_of(settings: Settings, issue: Issue, train_to: date | None, test: tuple[date, ...]) -> Split:
    """Return the stated split, or the newest weeks whose outcome is known; raise ConfigError for one that cannot be judged."""
    closed = lake.last_closed(settings)
    if closed is None:
        raise MissingError("backtest: no day is closed yet, so there is nothing to replay. `beforehand pull` closes days.")
    settled = closed - timedelta(days=issue.gap_days + issue.horizon_days)
    if not test:
        newest = settled if train_to is None else min(settled, train_to + timedelta(days=EVERY_DAYS * TEST_DAYS))
        days = [newest - timedelta(days=EVERY_DAYS * n) for n in range(TEST_DAYS)]
        test = tuple(sorted(d for d in days if train_to is None or d > train_to))
    train_to = train_to or min(test) - timedelta(days=1)
    for day in (d for d in test if d > settled):
        raise ConfigError(f"backtest: what happened after {day} is known only {issue.gap_days + issue.horizon_days} days later, "
                          f"and days are closed until {closed}. Known: test days until {settled}.")
    if not test or min(test) <= train_to:
        raise ConfigError(f"backtest: test days must come after the day to train to, {train_to}; got {min(test, default=None)}.")
    return Split(train_to, tuple(sorted(set(test))))


def backtest(
    settings: Settings, name: str, *, train_to: date | None = None, test: tuple[date, ...] = (), now: datetime
) -> Backtested:
    """Train one issue as of `train_to`, flag it on every day of `test`, and return what would have come of it.

    Raise ConfigError for an unknown issue or a split that cannot be judged, MissingError when no day is closed.
    """
    issues = load_issues(settings)
    if name not in issues:
        raise ConfigError(unknown_name("backtest", "issue", name, issues))
    return backtest_of(settings, issues[name], train_to=train_to, test=test, now=now)


def backtest_of(
    settings: Settings, issue: Issue, *, train_to: date | None = None, test: tuple[date, ...] = (), now: datetime
) -> Backtested:
    """Do the same for an issue that stands in no file of the configuration yet, a draft."""
    split = split_of(settings, issue, train_to, test)
    before = set(settings.place("models").iterdir())
    with scratch(settings), sessions(settings)() as session:
        try:
            return Replay.begin(settings, session, issue, split, now).played()
        finally:
            for folder in set(settings.place("models").iterdir()) - before:
                shutil.rmtree(str(folder), ignore_errors=True)


@dataclass(frozen=True)
class Replay:
    """One issue's past, being replayed."""

    settings: Settings
    session: Session
    issue: Issue
    split: Split
    now: datetime
    frozen: FeatureSet
    vectors: Callable[[date], pl.DataFrame]

    @classmethod
    def begin(cls, settings: Settings, session: Session, issue: Issue, split: Split, now: datetime) -> "Replay":
        """Draw the features as they would have been drawn on the day to train to."""
        frozen = keep(settings, drawn_as_of(settings, split.train_to))
        check_features(settings, issue, frozen.names)
        kept = lru_cache(maxsize=None)(lambda day: vectors(settings, day, frozen.version))
        return cls(settings, session, issue, split, now, frozen, kept)

    def played(self) -> Backtested:
        """Train, flag day by day, and set what happened beside it."""
        training = Training(self.settings, self.split.train_to, self.now, self.frozen,
                            first_day(self.settings, self.split.train_to), self.vectors)  # fmt: skip
        facts = train_issue(self.session, training, self.issue)
        self.session.flush()
        known, parts = self._models(facts), self._parts(training)
        learners = learn(*parts) if parts else None
        days = [self._day(number, known, learners) for number in range(len(self.split.test))]
        flags = self.session.execute(select(Flag.customer_id, Flag.day, Flag.probability).order_by(Flag.day, Flag.id)).all()
        level = max((fact["flag_at"] for fact in facts if "flag_at" in fact), default=None)
        return Backtested(self.issue, self.split.train_to, self.split.test, facts, Rows.joined(days),
                          [Flagged(*flag) for flag in flags], level)  # fmt: skip

    def _models(self, facts: list[dict[str, Any]]) -> list[Model]:
        """Return the models just trained, also those that came to nothing, so that their figures can be shown."""
        kinds = kinds_of(self.settings, self.issue)
        shas = {fact["sha"]: kinds[fact["detector"]] for fact in facts if fact.get("sha")}
        trained = self.session.scalars(select(ModelRow.sha).where(ModelRow.issue == self.issue.name)).all()
        return [models.load(self.settings, sha, shas[sha], self.frozen).model for sha in trained if sha in shas]

    def _parts(self, training: Training) -> tuple[Examples, Examples] | None:
        """Return the rows the detectors learned from, for the rivals; None where there are too few days or outcomes."""
        cutoffs = past_days(self.issue, self.settings.training, day=training.day, first=training.first)
        if len(cutoffs) < 3:
            return None
        examples = collect(self.settings, self.session, self.issue, cutoffs, self.vectors, day=training.day)
        train, calibrate, _ = stages(examples, later_days(len(cutoffs), self.settings.training))
        outcomes = {*train.struck, *calibrate.struck}
        return (train, calibrate) if len(outcomes) == 2 else None

    def _day(self, number: int, known: list[Model], learners: Learners | None) -> Rows:
        """Flag one test day as that morning would have, and return its customers at risk with every contender's score."""
        day = self.split.test[number]
        moment, seen, shared = moment_after(day), self.vectors(day), shared_units(self.session)
        since = (day - self.split.test[number - 1]).days if number else EVERY_DAYS
        flag_issue(Scoring(self.settings, self.session, day, self.now, seen, self.frozen, False, since, shared), self.issue)
        rows = at_risk(self.settings, self.issue, with_signs(self.settings, kinds_of(self.settings, self.issue).values(), seen))
        code = unit_code(contact_units(rows["customer_id"], shared))
        scores = {"this detector": _surest(known, rows, code & 1)} if known else {}
        if learners is not None:
            scores |= learners.scores(numbers_of(rows, self.frozen.names))
        scores |= simple_scores(self.settings, self.issue, rows["customer_id"], moment)
        closed = lake.last_closed(self.settings) or day
        struck = strikes(self.settings, self.issue, after=moment, before=window_end(self.issue, moment),
                         known_before=moment_after(closed))  # fmt: skip
        outcome = label(self.issue, rows["customer_id"], struck, moment)
        return Rows(rows["customer_id"].to_numpy(), np.full(rows.height, number), code, outcome["struck"].to_numpy(),
                    outcome["lag_days"].fill_null(float("nan")).to_numpy(), scores)  # fmt: skip


def _surest(known: list[Model], rows: pl.DataFrame, half: np.ndarray) -> Probabilities:
    """Return each customer's probability by the detector that is surest of them."""
    return np.max([model.probability(numbers_of(rows, model.features), half) for model in known], axis=0)
