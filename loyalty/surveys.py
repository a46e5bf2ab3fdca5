"""Surveys that count: a random sample of both arms, asked at the same time after the draw, with what silence could hide.

Who is asked is drawn by salted hash among the analysed units of both arms, with one share, on the day their horizon passes. Those who
answer are not a random sample of those asked. Where the arms answer at different rates, the effect on those who would
answer in either arm lies between Lee's bounds (2009, Rev. Econ. Stud. 76), which trim the arm that answers more; what anybody's
silence could hide lies between Manski's (1990), which fill it with the scale's ends. A playbook's own surveys are descriptive.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.errors import LedgerError
from core.settings import Settings
from ledger.assignments import Assignment
from ledger.base import add_once
from ledger.surveys import Survey
from loyalty.units import analysis_set, windows

SCALES = {"csat": (1.0, 5.0), "ces": (1.0, 7.0), "nps": (0.0, 10.0)}
DIFFERENT = 0.05            # response rates whose p lies below this are different: bounds, no interval
Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Heard:
    """Both arms' answers and response rates, the effect on those who answered, and its bounds."""

    asked: tuple[int, int]                  # contact, hold out
    answered: tuple[int, int]
    means: tuple[float, float]
    effect: float
    low: float
    high: float
    response_p: float                       # that the arms answer alike
    lee: tuple[float, float]
    manski: tuple[float, float]

    @property
    def bounded(self) -> bool:
        """Whether the arms answered at different rates, so that only bounds are known."""
        return self.response_p < DIFFERENT


def draw_sample(
    settings: Settings, session: Session, *, kind: str, share: float, horizon_months: int, day: date, now: datetime
) -> int:
    """Draw who is asked of all units, of both arms alike, whose horizon passes on `day`; return how many are new.

    Raise LedgerError for an unknown kind or a share that is none.
    """
    if kind not in SCALES or not 0 < share <= 1:
        raise LedgerError(f"survey {kind!r} of a share of {share}: cannot be drawn. Give 0 < share <= 1. Known: {', '.join(SCALES)}.")
    spread = windows(analysis_set(session, before=now)).filter(
        pl.col("horizon_months") == horizon_months, pl.col("ends_on") == pl.lit(day), "counts")  # fmt: skip
    salt = settings.outreach.assignment_salt
    rows = [{"assignment_id": unit["assignment_id"], "kind": kind, "horizon_months": horizon_months, "due_on": day, "drawn_at": now}
            for unit in spread.to_dicts() if _chance(salt, kind, horizon_months, unit["unit_id"]) < share]  # fmt: skip
    return add_once(session, Survey, rows, key=["assignment_id", "kind", "horizon_months"])


def record_answer(session: Session, assignment_id: int, *, kind: str, horizon_months: int, score: float, now: datetime) -> bool:
    """Keep the first answer of a unit that was asked; False for one that was not, or answered before.

    Raise LedgerError for a score beyond the scale.
    """
    low, high = SCALES[kind]
    if not low <= score <= high:
        raise LedgerError(f"survey {kind} of assignment {assignment_id}: score {score} is not on its scale. Give {low:g} to {high:g}.")
    asked = (Survey.assignment_id == assignment_id, Survey.kind == kind, Survey.horizon_months == horizon_months,
             Survey.answered_at.is_(None))  # fmt: skip
    kept = update(Survey).where(*asked).values(score=score, answered_at=now).returning(Survey.assignment_id)
    return session.scalar(kept) is not None


def heard(session: Session, issue: str, *, kind: str, horizon_months: int, before: datetime) -> Heard | None:
    """Return what both arms of an issue answered before an instant, or nothing while an arm has fewer than two answers."""
    asked = select(Assignment.arm, Survey.score, Survey.answered_at).join(Survey, Survey.assignment_id == Assignment.id).where(
        Assignment.scope == issue, Survey.kind == kind, Survey.horizon_months == horizon_months, Survey.drawn_at < before)  # fmt: skip
    rows = [(arm, score if answered and answered < before else None) for arm, score, answered in session.execute(asked)]
    arms = [np.array([np.nan if score is None else score for arm, score in rows if arm == wanted], dtype=float)
            for wanted in ("contact", "hold_out")]  # fmt: skip
    if any(np.isfinite(scores).sum() < 2 for scores in arms):
        return None
    return compare_answers(arms[0], arms[1], scale=SCALES[kind])


def compare_answers(contact: Numbers, hold_out: Numbers, *, scale: tuple[float, float]) -> Heard:
    """Return the effect on the answers with its bounds; a score that is not a number is silence."""
    from scipy.stats import fisher_exact, ttest_ind

    heard_of = [scores[np.isfinite(scores)] for scores in (contact, hold_out)]
    asked, answered = (len(contact), len(hold_out)), (len(heard_of[0]), len(heard_of[1]))
    silent = [[answered[0], asked[0] - answered[0]], [answered[1], asked[1] - answered[1]]]
    interval = ttest_ind(*heard_of, equal_var=False).confidence_interval(0.95)
    means = (float(heard_of[0].mean()), float(heard_of[1].mean()))
    return Heard(asked, answered, means, means[0] - means[1], float(interval.low), float(interval.high),
                 float(fisher_exact(silent).pvalue), _lee(heard_of, asked), _manski(heard_of, asked, scale))  # fmt: skip


def _lee(answers: list[Numbers], asked: tuple[int, int]) -> tuple[float, float]:
    """Trim the arm that answers more by the excess, once its best and once its worst."""
    rates = [len(scores) / n for scores, n in zip(answers, asked, strict=True)]
    more = int(rates[1] > rates[0])
    excess = 1 - rates[1 - more] / rates[more]
    low, high = _trimmed_mean(answers[more], excess, top=True), _trimmed_mean(answers[more], excess, top=False)
    other = float(answers[1 - more].mean())
    return (low - other, high - other) if more == 0 else (other - high, other - low)


def _trimmed_mean(scores: Numbers, part: float, *, top: bool) -> float:
    """Return the mean without the top or bottom part; the score at the edge counts in part."""
    ordered = np.sort(scores) if top else np.sort(scores)[::-1]
    keep = len(scores) * (1 - part)
    weights = np.clip(keep - np.arange(len(scores)), 0.0, 1.0)
    return float(weights @ ordered / weights.sum())


def _manski(answers: list[Numbers], asked: tuple[int, int], scale: tuple[float, float]) -> tuple[float, float]:
    """Fill the silence of one arm with the scale's worst and of the other with its best, and the other way round."""
    ends = [[(scores.sum() + (n - len(scores)) * end) / n for end in scale] for scores, n in zip(answers, asked, strict=True)]
    return float(ends[0][0] - ends[1][1]), float(ends[0][1] - ends[1][0])


def _chance(salt: str, kind: str, horizon_months: int, unit_id: str) -> float:
    """Return a number in [0, 1) that depends on nothing but these, and on no arm."""
    digest = hashlib.sha256("\x1f".join((salt, "survey", kind, str(horizon_months), unit_id)).encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / (1 << 53)
