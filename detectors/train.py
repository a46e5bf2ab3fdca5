"""Train every issue's detector as of a day: learn on past days, calibrate on later ones, judge on the newest.

Only a detector whose skill is above zero beyond doubt becomes champion; otherwise its issue is not predictable yet, and
says so. The same data gives the same models, so a training that was killed is simply run again.
"""

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select, update
from sqlalchemy.orm import Session

import detectors
from core.clock import as_day, moment_after
from core.errors import MissingError
from core.registry import discover
from core.settings import Settings, current
from detectors.detector import Detector, Examples, Model
from detectors.evaluate import Scores, judge
from detectors.examples import Vectors, collect, later_days, past_days
from detectors.issue import Issue, check_features, load_issues
from detectors.models import fits, store
from detectors.threshold import flag_at, usual_lags
from feature_store import lake
from feature_store.build import build_days, vectors
from feature_store.defaults import freeze
from feature_store.feature_set import FeatureSet
from feature_store.roster import roster
from feature_store.sources.source import load_sources
from ledger.base import add_once
from ledger.database import sessions
from ledger.days import Day, mark_done
from ledger.models import Model as ModelRow

log = logging.getLogger(__name__)
STEP = "train"
WARM_UP_DAYS = 28  # of data before a day is worth learning from


@dataclass(frozen=True)
class Training:
    """What all issues share in one training."""

    settings: Settings
    day: date
    now: datetime
    frozen: FeatureSet
    first: date
    vectors: Vectors


def train_all(*, day: date | str, now: datetime, settings: Settings | None = None) -> list[dict[str, Any]]:
    """Train every issue as of `day`, once; return per issue its state, scores, threshold and numbers of examples."""
    settings, day = settings or current(), as_day(day)
    with sessions(settings)() as session:
        if (done := session.scalar(select(Day.counts).where(Day.day == day, Day.step == STEP))) is not None:
            return list(done["issues"])
    frozen = freeze(settings, day)
    issues = load_issues(settings)
    for issue in issues.values():
        check_features(settings, issue, frozen.names)
    kept = lru_cache(maxsize=None)(lambda cutoff: vectors(settings, cutoff, frozen.version))
    training = Training(settings, day, now, frozen, _first_day(settings, day), kept)
    build_days(settings, [d for i in issues.values() for d in _cutoffs(training, i)], frozen.version)
    with sessions(settings).begin() as session:
        found = [train_issue(session, training, issue) for issue in issues.values()]
        mark_done(session, day, STEP, now=now, counts={"issues": found})
    return found


def train_latest(*, now: datetime, settings: Settings | None = None) -> list[dict[str, Any]]:
    """Train every issue as of the last closed day. Raise MissingError when no day is closed yet."""
    settings = settings or current()
    closed = lake.last_closed(settings)
    if closed is None:
        raise MissingError("train: no day is closed yet, so there is nothing to learn from. `beforehand pull` closes days.")
    return train_all(day=closed, now=now, settings=settings)


def _first_day(settings: Settings, day: date) -> date:
    """Return the day from which there is enough past to learn from: some weeks after the first event of any source."""
    names = [name for name, source in load_sources(settings).items() if source.role != "customers"]
    seen = roster(settings, names, moment_after(day)).select(pl.col(names).min()) if names else pl.DataFrame()
    first = [at for at in (seen.row(0) if seen.height else ()) if at is not None]
    return (min(first).date() if first else day) + timedelta(days=WARM_UP_DAYS)


def train_issue(session: Session, training: Training, issue: Issue) -> dict[str, Any]:
    """Train one issue, keep model and ledger row, and return what was found."""
    detector: Detector = discover(detectors, "DETECTOR")[issue.detector]
    fact: dict[str, Any] = {"issue": issue.name, "detector": detector.name, "day": str(training.day)}
    cutoffs = _cutoffs(training, issue)
    if len(cutoffs) < 3:
        return _without(session, training, issue, {**fact, "state": "too_young", "cutoffs": len(cutoffs)})
    examples = collect(training.settings, session, issue, cutoffs, training.vectors, day=training.day)
    fact |= {"cutoffs": len(cutoffs), "rows": len(examples.struck), "struck": int(examples.struck.sum())}
    train, calibrate, judged = stages(examples, later_days(len(cutoffs), training.settings.training))
    if detector.learns and not _enough(train, calibrate, judged, training.settings.training.least_troubles):
        return _without(session, training, issue, {**fact, "state": "too_few_troubles"})
    model = detector.fit(issue, train, calibrate)
    return fact | _judged(session, training, issue, detector, model, judged)


def _cutoffs(training: Training, issue: Issue) -> list[date]:
    return past_days(issue, training.settings.training, day=training.day, first=training.first)


def stages(examples: Examples, later: int) -> tuple[Examples, Examples, Examples]:
    """Split by day: rows to learn from, of the `later` days those to calibrate on, and of the newest to judge on."""
    days = len(examples.cutoffs)
    judged = later // 2
    at = examples.cutoff
    return (examples.of(at < days - later), examples.of((at >= days - later) & (at < days - judged)),
            examples.of(at >= days - judged))  # fmt: skip


def _enough(train: Examples, calibrate: Examples, judged: Examples, least: int) -> bool:
    """Whether there is trouble enough in all, and some of both outcomes wherever a fit or a judgement needs them."""
    needed = [train.struck[train.half == 0], train.struck[train.half == 1], calibrate.struck, judged.struck]
    total = int(train.struck.sum() + calibrate.struck.sum() + judged.struck.sum())
    return total >= least and all(part.any() and not part.all() for part in needed)


def _judged(
    session: Session, training: Training, issue: Issue, detector: Detector, model: Model, judged: Examples
) -> dict[str, Any]:
    """Judge a fitted model on the newest days, keep it, and make it champion if it earned that."""
    at = [judged.features.index(name) for name in model.features]
    numbers = judged.numbers[:, at]
    probability = model.probability(numbers, judged.half)
    scores = judge(judged.struck, probability, judged.weight, judged.unit)
    level = _level(issue, detector, probability, judged, scores)
    flagged = probability >= level
    card = {
        "issue": issue.name,
        "detector": detector.name,
        "cutoffs": [str(cutoff) for cutoff in judged.cutoffs],
        "scores": scores.as_dict(),
        "flag_at": round(level, 6),
        "lags": usual_lags(probability, judged.lag_days),
        "precision_when_flagged": _share(judged.struck, flagged),
        "recall_when_flagged": _share(flagged, judged.struck),
    }
    sha = store(training.settings, model, card, training.frozen, numbers)
    state = "champion" if scores.predictable or not detector.learns else "not_predictable"
    _record(session, training, card, sha, state)
    return {"state": state, "sha": sha, **{name: card[name] for name in (
        "scores", "flag_at", "precision_when_flagged", "recall_when_flagged")}}  # fmt: skip


def _level(issue: Issue, detector: Detector, probability: np.ndarray, judged: Examples, scores: Scores) -> float:
    if not detector.learns:  # a rule flags where it holds; only money can keep it from that
        return max(1e-6, issue.value.break_even if issue.value else 0.0)
    newest = judged.exposed[-len(np.unique(judged.cutoff)):]
    return flag_at(issue, probability, newest, scores.base_rate)


def _share(what: np.ndarray, among: np.ndarray) -> float | None:
    return round(float(what[among].mean()), 4) if among.any() else None


def _record(session: Session, training: Training, card: dict[str, Any], sha: str, state: str) -> None:
    """Write the model's row; a champion retires the one before, a failed attempt leaves the issue without one."""
    row = {"sha": sha, "issue": card["issue"], "detector": card["detector"], "state": "challenger",
           "trained_on": training.day, "feature_set": training.frozen.version, "scores": _kept(card),
           "flag_at": card["flag_at"], "created_at": training.now}  # fmt: skip
    add_once(session, ModelRow, [row], key=["sha"])
    retire(session, card["issue"], but=sha)
    here = (ModelRow.sha == sha, ModelRow.state != state)
    session.execute(update(ModelRow).where(*here).values(state=state, trained_on=training.day))


def _kept(card: dict[str, Any]) -> dict[str, Any]:
    also = ("precision_when_flagged", "recall_when_flagged", "lags", "cutoffs")
    return {**card["scores"], **{name: card[name] for name in also}}


def retire(session: Session, issue: str, *, but: str | None = None) -> None:
    """Take every champion of an issue out of use, except one."""
    here = (ModelRow.issue == issue, ModelRow.state == "champion", ModelRow.sha != (but or ""))
    session.execute(update(ModelRow).where(*here).values(state="retired"))


def _without(session: Session, training: Training, issue: Issue, fact: dict[str, Any]) -> dict[str, Any]:
    """Leave the issue with the champion it has, unless that one was made for features that are no longer drawn."""
    log.info("%s: no new detector as of %s: %s", issue.name, training.day, fact["state"])
    champions = session.scalars(select(ModelRow).where(ModelRow.issue == issue.name, ModelRow.state == "champion"))
    if any(not fits(training.settings, row.sha, training.frozen) for row in champions):
        retire(session, issue.name)
    return fact
