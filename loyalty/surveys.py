"""Surveys that count: a random sample of both arms, asked at the same time after the draw, with what silence could hide.

Who is asked is drawn by salted hash among the analysed units of both arms, with one share, on the day their horizon passes. Those who
answer are not a random sample of those asked. Where the arms answer at different rates, the effect on those who would
answer in either arm lies between Lee's bounds (2009, Rev. Econ. Stud. 76), which trim the arm that answers more; what anybody's
silence could hide lies between Manski's (1990), which fill it with the scale's ends. A playbook's own surveys are descriptive.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import LedgerError
from core.settings import Settings
from ledger.assignments import Assignment
from ledger.base import add_once
from ledger.measures import Measure
from ledger.surveys import SCALES, Survey
from loyalty.units import analysis_set, windows

KINDS = tuple(SCALES)
ASKED_WITHIN_DAYS = 30      # of the horizon: where days were measured less often, all since are asked together
RESAMPLES, SEED = 200, 0
BOTH_SIDES, ONE_SIDE, FOUR_IN_FIVE = 1.95996, 1.64485, 0.84162  # standard normal quantiles
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
    bounds: tuple[float, float]             # Lee's with what sampling adds (Imbens and Manski 2004)
    p_value: float                          # of the interval
    smallest_seen: float                    # four times in five

    @property
    def bounded(self) -> bool:
        """Whether the arms answered at different rates, so that only bounds are known."""
        return self.response_p < DIFFERENT


@dataclass(frozen=True)
class Sample:
    """What is asked (csat, ces or nps) of which share of the units, how many months after their draw."""

    kind: str
    share: float
    horizon_months: int

    def __post_init__(self) -> None:
        """Raise LedgerError for an unknown kind or a share that is none."""
        if self.kind not in SCALES or not 0 < self.share <= 1:
            raise LedgerError(f"survey {self.kind!r} of a share of {self.share}: cannot be drawn. Give 0 < share <= 1. Known: {', '.join(SCALES)}.")


def draw_due_samples(settings: Settings, session: Session, *, day: date, now: datetime) -> int:
    """Draw the samples of every issue whose measure in force asks for one; return how many units are new."""
    newest = select(Measure).distinct(Measure.issue).order_by(Measure.issue, Measure.frozen_at.desc())
    asked = [(measure.issue, measure.measure["survey"]) for measure in session.scalars(newest) if measure.measure.get("survey")]
    return sum(draw_sample(settings, session, Sample(**survey), issue=issue, day=day, now=now) for issue, survey in asked)


def draw_sample(settings: Settings, session: Session, sample: Sample, *, issue: str, day: date, now: datetime) -> int:
    """Draw who is asked of an issue's units, of both arms alike, whose horizon passed within the month until `day`; return how many
    are new. A unit is drawn by its own number, so that one that was not drawn is not on another day."""
    lately = pl.col("ends_on").is_between(pl.lit(day - timedelta(days=ASKED_WITHIN_DAYS)), pl.lit(day))
    spread = windows(analysis_set(session, before=now)).filter(
        pl.col("issue") == issue, pl.col("horizon_months") == sample.horizon_months, lately, "counts")  # fmt: skip
    salt, kind, months = settings.outreach.assignment_salt, sample.kind, sample.horizon_months
    rows = [{"assignment_id": unit["assignment_id"], "kind": kind, "horizon_months": months, "due_on": day, "drawn_at": now}
            for unit in spread.to_dicts() if _chance(salt, kind, months, unit["unit_id"]) < sample.share]  # fmt: skip
    return add_once(session, Survey, rows, key=["assignment_id", "kind", "horizon_months"])


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
    welch = ttest_ind(*heard_of, equal_var=False)
    interval = welch.confidence_interval(0.95)
    means = (float(heard_of[0].mean()), float(heard_of[1].mean()))
    lee = _lee(heard_of, asked)
    se = (float(interval.high) - float(interval.low)) / 2 / BOTH_SIDES
    return Heard(asked, answered, means, means[0] - means[1], float(interval.low), float(interval.high),
                 float(fisher_exact(silent).pvalue), lee, _manski(heard_of, asked, scale), _widened(lee, contact, hold_out),
                 float(welch.pvalue), (BOTH_SIDES + FOUR_IN_FIVE) * se)  # fmt: skip


def _lee(answers: list[Numbers], asked: tuple[int, int]) -> tuple[float, float]:
    """Trim the arm that answers more by the excess, once its best and once its worst."""
    rates = [len(scores) / n for scores, n in zip(answers, asked, strict=True)]
    more = int(rates[1] > rates[0])
    excess = 1 - rates[1 - more] / rates[more]
    low, high = _trimmed_mean(answers[more], excess, top=True), _trimmed_mean(answers[more], excess, top=False)
    other = float(answers[1 - more].mean())
    return (low - other, high - other) if more == 0 else (other - high, other - low)


def _widened(lee: tuple[float, float], contact: Numbers, hold_out: Numbers) -> tuple[float, float]:
    """Return Lee's bounds, each moved out by as much as sampling may have moved it (a seeded bootstrap of both arms)."""
    draw = np.random.default_rng(SEED)
    ends = []
    for _ in range(RESAMPLES):
        drawn = [scores[draw.integers(0, len(scores), len(scores))] for scores in (contact, hold_out)]
        answers = [scores[np.isfinite(scores)] for scores in drawn]
        if min(len(scores) for scores in answers) > 1:
            ends.append(_lee(answers, (len(contact), len(hold_out))))
    low, high = np.std(np.array(ends), axis=0, ddof=1) * ONE_SIDE if len(ends) > 1 else (0.0, 0.0)
    return lee[0] - float(low), lee[1] + float(high)


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
