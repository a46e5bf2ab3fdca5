"""Train every issue's detector as of a day: learn on past days, calibrate on later ones, judge on the newest.

Only a detector whose skill is above zero beyond doubt comes into use, and in the place of another only if it is better
beyond noise; otherwise its issue is not predictable yet, and says so. The same data gives the same models, so a training
that was killed is simply run again.
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

from core.clock import as_day, moment_after
from core.errors import MissingError
from core.settings import Settings, current
from detectors import champion
from detectors.champion import IN_USE, Contest, Ruling, asked
from detectors.detector import Detector, Examples, Model
from detectors.evaluate import Scores, judge
from detectors.examples import Vectors, collect, later_days, past_days
from detectors.issue import Issue, load_issues
from detectors.models import fits, store
from detectors.opinions import Opinions, opinions, taught
from detectors.reference import reference
from detectors.threshold import Level, level, lowest, usual_lags
from detectors.watching import check_features, kinds_of, with_signs
from feature_store import lake
from feature_store.build import build_days, vectors
from feature_store.defaults import freeze
from feature_store.feature_set import FeatureSet
from feature_store.roster import roster
from feature_store.sources.configured import load_sources
from ledger.base import add_once
from ledger.database import sessions
from ledger.days import Day, mark_done
from ledger.models import Model as ModelRow

log = logging.getLogger(__name__)
Parts = tuple[Examples, Examples, Examples]
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
    training = Training(settings, day, now, frozen, first_day(settings, day), kept)
    build_days(settings, [d for i in issues.values() for d in _cutoffs(training, i)], frozen.version)
    with sessions(settings).begin() as session:
        found = [fact for issue in issues.values() for fact in train_issue(session, training, issue)]
        mark_done(session, day, STEP, now=now, counts={"issues": found})
    return found


def train_latest(*, now: datetime, settings: Settings | None = None) -> list[dict[str, Any]]:
    """Train every issue as of the last closed day. Raise MissingError when no day is closed yet."""
    settings = settings or current()
    closed = lake.last_closed(settings)
    if closed is None:
        raise MissingError("train: no day is closed yet, so there is nothing to learn from. `beforehand pull` closes days.")
    return train_all(day=closed, now=now, settings=settings)


def first_day(settings: Settings, day: date) -> date:
    """Return the day from which there is enough past to learn from: some weeks after the first event of any source."""
    names = [name for name, source in load_sources(settings).items() if source.role != "customers"]
    seen = roster(settings, names, moment_after(day)).select(pl.col(names).min()) if names else pl.DataFrame()
    first = [at for at in (seen.row(0) if seen.height else ()) if at is not None]
    return (min(first).date() if first else day) + timedelta(days=WARM_UP_DAYS)


def train_issue(session: Session, training: Training, issue: Issue) -> list[dict[str, Any]]:
    """Train the detectors that watch one issue, keep models and ledger rows, and return what was found of each."""
    settings, kinds = training.settings, kinds_of(training.settings, issue)
    retire(session, ModelRow.issue == issue.name, ModelRow.detector.not_in(kinds))
    cutoffs = _cutoffs(training, issue)
    if len(cutoffs) < 3:
        young = {"state": "too_young", "cutoffs": len(cutoffs)}
        return [_without(session, training, issue, kind, young) for kind in kinds.values()]

    def seen(cutoff: date) -> pl.DataFrame:
        return with_signs(settings, kinds.values(), training.vectors(cutoff))

    examples = collect(settings, session, issue, cutoffs, seen, day=training.day)
    said = opinions(settings, session, issue, training.vectors, day=training.day)
    teaching = Teaching(stages(examples, later_days(len(cutoffs), settings.training)), said,
                        {"cutoffs": len(cutoffs), "rows": len(examples.struck), "struck": int(examples.struck.sum())})  # fmt: skip
    return [train_kind(session, training, issue, kind, teaching) for kind in kinds.values()]


@dataclass(frozen=True)
class Teaching:
    """What the detectors of one issue learn from: rows to learn, calibrate and judge on, what people said, how many."""

    parts: Parts
    said: Opinions
    counts: dict[str, int]


def train_kind(
    session: Session, training: Training, issue: Issue, kind: Detector, teaching: Teaching
) -> dict[str, Any]:  # fmt: skip
    """Fit one kind of detector, judge it on the newest days, keep it, and decide whether it comes into use."""
    if not _enough(*teaching.parts, training.settings.training.least_troubles):
        return _without(session, training, issue, kind, {**teaching.counts, "state": "too_few_troubles"})
    train, calibrate, judged = (_for(kind, part, training.frozen) for part in teaching.parts)
    model, people = taught(kind, issue, teaching.said, train, calibrate, judged)
    if not model.proven:
        return _without(session, training, issue, kind, {**teaching.counts, "state": "too_few_cases"})
    card, scores = _card(issue, kind, model, judged, train)
    contest = Contest(training.settings, session, issue, kind, training.frozen, training.day, teaching.parts[2])
    sha = store(training.settings, model, card, training.frozen, judged.seeing(model.features).numbers)
    _record(session, training, card, sha)
    ruling = champion.rule(contest, sha, model, scores)
    champion.apply(contest, ruling, sha)
    fact = _fact(issue, kind, training, teaching.counts) | {"state": ruling.state, "sha": sha, "why": ruling.why}
    fact |= {name: card[name] for name in ("scores", "flag_at", "precision_when_flagged", "recall_when_flagged")}
    return fact | ({"people": people} if people else {}) | _compared(ruling)


def _fact(issue: Issue, kind: Detector, training: Training, counts: dict[str, Any]) -> dict[str, Any]:
    return {"issue": issue.name, "detector": kind.name, "day": str(training.day), **counts}


def _compared(ruling: Ruling) -> dict[str, Any]:
    return {"difference": ruling.difference.as_dict()} if ruling.difference else {}


def _for(kind: Detector, part: Examples, frozen: FeatureSet) -> Examples:
    """Return what a kind sees: one that learns from any number sees the vectors alone, not what others looked up."""
    if not kind.learns or len(part.features) == len(frozen.features):
        return part
    return part.seeing([name for name in part.features if name in set(frozen.names)])


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


def _card(issue: Issue, kind: Detector, model: Model, judged: Examples, train: Examples) -> tuple[dict[str, Any], Scores]:
    """Judge a fitted model on the newest days; return what its card says, and its scores."""
    numbers = judged.seeing(model.features).numbers
    probability = model.probability(numbers, judged.half)
    scores = judge(judged.struck, probability, judged.weight, judged.unit)
    newest = judged.exposed[-len(np.unique(judged.cutoff)):]
    speaks = model.speaks_of(numbers)
    chosen = _level(issue, kind, np.where(speaks, probability, 0.0), newest, scores)
    flagged = speaks & (probability >= chosen.flag_at)
    return {
        "issue": issue.name,
        "detector": kind.name,
        "asked": asked(issue, kind),
        "cutoffs": [str(cutoff) for cutoff in judged.cutoffs],
        "rows": len(train.struck),
        "scores": scores.as_dict(),
        "flag_at": round(chosen.flag_at, 6),
        "set_by": chosen.set_by,
        "lags": usual_lags(probability, judged.lag_days),
        "precision_when_flagged": _share(judged.struck, flagged),
        "recall_when_flagged": _share(flagged, judged.struck),
        "reference": reference(model.features, numbers, probability),
    }, scores


def _level(
    issue: Issue, kind: Detector, probability: np.ndarray, exposed: np.ndarray, scores: Scores
) -> Level:  # fmt: skip
    """Return the level to flag from; what a person stands by is kept from flagging by money alone."""
    if champion.stands_by(kind) and not scores.predictable:
        return lowest(issue, 1e-6)
    return level(issue, probability, exposed, scores.base_rate)


def _share(what: np.ndarray, among: np.ndarray) -> float | None:
    return round(float(what[among].mean()), 4) if among.any() else None


def _record(session: Session, training: Training, card: dict[str, Any], sha: str) -> None:
    """Write the model's row, if it is not there yet."""
    also = ("precision_when_flagged", "recall_when_flagged", "lags", "cutoffs", "set_by", "rows")
    row = {"sha": sha, "issue": card["issue"], "detector": card["detector"], "state": "challenger",
           "trained_on": training.day, "feature_set": training.frozen.version, "flag_at": card["flag_at"],
           "scores": {**card["scores"], **{name: card[name] for name in also}}, "created_at": training.now}  # fmt: skip
    add_once(session, ModelRow, [row], key=["sha"])


def retire(session: Session, *which: Any) -> None:
    """Take models out of use."""
    session.execute(update(ModelRow).where(ModelRow.state.in_(IN_USE), *which).values(state="retired"))


def _without(session: Session, training: Training, issue: Issue, kind: Detector, found: dict[str, Any]) -> dict[str, Any]:
    """Leave the issue with the model it has, unless that one was made for features that are no longer drawn."""
    log.info("%s: no new %s detector as of %s: %s", issue.name, kind.name, training.day, found["state"])
    mine = (ModelRow.issue == issue.name, ModelRow.detector == kind.name)
    for row in session.scalars(select(ModelRow).where(*mine, ModelRow.state.in_(IN_USE))):
        if not fits(training.settings, row.sha, training.frozen):
            retire(session, ModelRow.sha == row.sha)
    return _fact(issue, kind, training, found)
