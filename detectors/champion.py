"""Which model is in use: a challenger takes over only if it is better beyond noise on days that neither saw.

Where the model in use has lost its skill on such days, and none has any, the issue is not predictable and flags nobody.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.errors import ModelError
from core.settings import Settings
from detectors import models
from detectors.better import Difference, difference, large_segments
from detectors.detector import Detector, Examples, Model
from detectors.evaluate import Scores, judge
from detectors.issue import Issue
from feature_store.feature_set import FeatureSet
from ledger.models import Model as ModelRow

IN_USE = ("champion", "unproven")


@dataclass(frozen=True)
class Contest:
    """One issue and kind on one day of training: where models lie, which features are drawn, what happened lately."""

    settings: Settings
    session: Session
    issue: Issue
    kind: Detector
    frozen: FeatureSet
    day: date
    judged: Examples

    def row_in_use(self) -> ModelRow | None:
        """Return the row of the model in use, if there is one."""
        here = (ModelRow.issue == self.issue.name, ModelRow.detector == self.kind.name, ModelRow.state.in_(IN_USE))
        return self.session.scalars(select(ModelRow).where(*here)).first()


@dataclass(frozen=True)
class Ruling:
    """What became of a challenger, and of the model in use before."""

    state: str                          # the challenger's
    why: str
    keeps: bool = False                 # the model in use stays
    difference: Difference | None = None
    later: Scores | None = None         # the model in use, on days it had not seen


def rule(contest: Contest, sha: str, challenger: Model, scores: Scores) -> Ruling:
    """Decide between a challenger and the model in use."""
    row = contest.row_in_use()
    before = contest.session.get(ModelRow, sha)
    if before is not None and before.state == "rolled_back":
        return Ruling("rolled_back", "a person took this very model out of use", keeps=True)
    alone = _alone(contest.kind, scores)
    if row is None or row.sha == sha:
        return alone
    unseen = _unseen(row, contest.judged)
    standing = _standing(contest, row)
    if standing is None:
        return Ruling(alone.state, f"{alone.why}; the one before no longer fits the features or the issue")
    if not unseen.struck.any() or unseen.struck.all():
        return Ruling("challenger", "no day yet that the model in use had not seen", keeps=True)
    held = _held_against(challenger, standing, unseen)
    later = judge(unseen.struck, _probability(standing, unseen), unseen.weight, unseen.unit)
    if alone.state == "champion" and (held.better or not later.predictable):
        return Ruling("champion", _because(held, later), difference=held, later=later)
    if later.predictable or row.state == "unproven":
        return Ruling("challenger", _because(held, later), keeps=True, difference=held, later=later)
    return Ruling(alone.state, f"neither it nor the model in use has skill beyond doubt: {_because(held, later)}",
                  difference=held, later=later)  # fmt: skip


def _alone(kind: Detector, scores: Scores) -> Ruling:
    """Say what a model is by its own scores."""
    skill = f"skill {scores.skill:+.3f} ({scores.skill_low:+.3f} to {scores.skill_high:+.3f})"
    if scores.predictable:
        return Ruling("champion", skill)
    if stands_by(kind):
        return Ruling("unproven", f"{skill}; in use by the issue's file")
    return Ruling("not_predictable", skill)


def stands_by(kind: Detector) -> bool:
    """Whether the issue's file wants it in use even while its skill is not shown."""
    return bool(kind.get_params().get("stand_by"))


def _unseen(row: ModelRow, judged: Examples) -> Examples:
    """Return what happened on days after the newest one that the model in use knew of."""
    newest = max(row.scores.get("cutoffs") or ["0001-01-01"])
    later = np.array([str(cutoff) > newest for cutoff in judged.cutoffs])
    return judged.of(later[judged.cutoff])


def _standing(contest: Contest, row: ModelRow) -> Model | None:
    """Return the model in use, or None when it fits the features, the issue or this program no more."""
    card = models.card_of(contest.settings, row.sha)
    if card is None or card.get("asked") != asked(contest.issue, contest.kind):
        return None
    try:
        model = models.load(contest.settings, row.sha, contest.kind, contest.frozen).model
    except ModelError:
        return None
    return model if set(model.features) <= set(contest.judged.features) else None


def asked(issue: Issue, kind: Detector) -> str:
    """Return digits that change when a model would answer another question: the trouble, its window, who is at risk."""
    question = issue.model_dump(mode="json", include={"trouble", "gap_days", "horizon_days", "at_risk", "episode_days"})
    text = json.dumps([question, kind.get_params()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _held_against(challenger: Model, standing: Model, unseen: Examples) -> Difference:
    segments = large_segments(unseen.features, unseen.numbers, unseen.struck)
    return difference(unseen, _probability(challenger, unseen), _probability(standing, unseen), segments)


def _probability(model: Model, examples: Examples) -> np.ndarray:
    return model.probability(examples.seeing(model.features).numbers, examples.half)


def _because(held: Difference, later: Scores) -> str:
    worse = f"; worse for {', '.join(held.worse_in)}" if held.worse_in else ""
    return (f"better by {held.mean:+.4f} ({held.low:+.4f} to {held.high:+.4f}) of the variance{worse}; "
            f"the model in use has skill {later.skill:+.3f} ({later.skill_low:+.3f} to {later.skill_high:+.3f})")  # fmt: skip


def apply(contest: Contest, ruling: Ruling, sha: str) -> None:
    """Write the ruling: who is in use from this day on, who is retired, and when each was last judged."""
    session, day = contest.session, contest.day
    row = contest.row_in_use()
    if row is not None and row.sha != sha:
        session.execute(update(ModelRow).where(ModelRow.sha == row.sha).values(**_of_the_one_before(row, ruling, day)))
    here = (ModelRow.sha == sha, ModelRow.state != "rolled_back")
    values: dict[str, Any] = {"state": ruling.state, "judged_on": day, "why": ruling.why}
    if ruling.state in IN_USE and (row is None or row.sha != sha):
        values["promoted_on"] = day
    session.execute(update(ModelRow).where(*here).values(**values))


def _of_the_one_before(row: ModelRow, ruling: Ruling, day: date) -> dict[str, Any]:
    later = {"later": ruling.later.as_dict()} if ruling.later else {}
    if ruling.keeps:
        return {"judged_on": day, "scores": {**row.scores, **later}}
    return {"state": "retired", "scores": {**row.scores, **later}}
