"""Rows of what both arms were asked: how many were asked and answered, the difference, and its bounds where silence differs.

A wave is everybody asked on one day. It is read once its time to answer is over. These rows are exploratory by definition:
who answers is not who was asked.
"""

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.assignments import Assignment
from ledger.surveys import SCALES, Survey
from loyalty.drawn import Measures
from loyalty.readable import POOLED, Cut
from loyalty.row import FIGURES, KEY, SURVEY, Row
from loyalty.surveys import Heard, compare_answers

ANSWER_DAYS = 21            # after being asked; later answers do not count
LEAST_ANSWERS = 30          # of each arm
ARMS = ("contact", "hold_out")


def survey_rows(settings: Settings, session: Session, cut: Cut, measures: Measures) -> list[Row]:
    """Return one pooled row for every issue that asks, or ever asked, with its kind and horizon."""
    asked = _asked(session, cut)
    wanted = {(issue, m["survey"]["horizon_months"], m["survey"]["kind"]) for (issue, month), m in measures.items()
              if month == POOLED and m.get("survey")}  # fmt: skip
    had = {tuple(row) for row in asked.select("issue", "horizon_months", "kind").unique().rows()}
    return [_row(key, asked.filter(*(pl.col(name) == value for name, value in zip(("issue", "horizon_months", "kind"), key, strict=True))), cut)
            for key in sorted(wanted | had)]  # fmt: skip


def _asked(session: Session, cut: Cut) -> pl.DataFrame:
    """Return issue, horizon_months, kind, arm, due_on and the score (null: silent in time) of everybody asked before the cut."""
    drawn = select(Assignment.scope, Survey.horizon_months, Survey.kind, Assignment.arm, Survey.due_on, Survey.score, Survey.answered_at).join(
        Assignment, Assignment.id == Survey.assignment_id).where(Survey.drawn_at < cut.at + timedelta(days=1)).order_by(Survey.assignment_id)  # fmt: skip
    schema: dict[str, Any] = {"issue": pl.String, "horizon_months": pl.Int64, "kind": pl.String, "arm": pl.String, "due_on": pl.Date,
                              "score": pl.Float64, "answered_at": pl.Datetime("us", "UTC")}  # fmt: skip
    rows = pl.DataFrame([tuple(row) for row in session.execute(drawn)], schema=schema, orient="row")
    in_time = pl.col("answered_at").dt.date() <= pl.col("due_on") + pl.duration(days=ANSWER_DAYS)
    return rows.with_columns(pl.when(in_time).then("score").alias("score"))


def _row(key: tuple[str, int, str], asked: pl.DataFrame, cut: Cut) -> Row:
    issue, months, kind = key
    over = asked.filter(pl.col("due_on") + pl.duration(days=ANSWER_DAYS) < pl.lit(cut.at.date()))
    arms = [over.filter(pl.col("arm") == arm)["score"].to_numpy().astype(float) for arm in ARMS]
    waiting: list[date] = asked.join(over, on="due_on", how="anti")["due_on"].to_list()
    row: Row = {**dict(zip(KEY, (issue, POOLED, months, kind), strict=True)), "design": SURVEY, **dict.fromkeys(FIGURES),
                "n_contact": len(arms[0]), "n_hold_out": len(arms[1]), "detail": _progress(asked, arms, waiting)}  # fmt: skip
    if over.is_empty():
        first = f"can be read from {min(waiting) + timedelta(days=ANSWER_DAYS + 1)}: {len(asked)} units were asked" if waiting else "nobody has been asked yet"
        return row | {"state": "not_yet", "why": first}
    answers = [int(np.isfinite(scores).sum()) for scores in arms]
    if min(answers) < LEAST_ANSWERS:
        return row | {"state": "not_yet", "why": f"too few answers so far: {answers[0]} of {len(arms[0])} contacted and {answers[1]} of {len(arms[1])} "
                                                 f"held out answered, {LEAST_ANSWERS} of each arm are needed"}  # fmt: skip
    found = compare_answers(arms[0], arms[1], scale=SCALES[kind])
    row["detail"] |= _said(found)
    return row | _figures(found) | {"state": "readable", "why": None}


def _progress(asked: pl.DataFrame, arms: list[np.ndarray], waiting: list[date]) -> Row:
    rates = [float(np.isfinite(scores).mean()) if len(scores) else None for scores in arms]
    return {"primary": False, "promised": False, "measure": None, "smallest_effect": None, "breakdown_of": None, "units": len(asked),
            "ready": sum(len(scores) for scores in arms), "months_read": 1,
            "asked": [len(scores) for scores in arms], "answered": [int(np.isfinite(scores).sum()) for scores in arms],
            "response_rates": rates, "readable_from": str(min(waiting) + timedelta(days=ANSWER_DAYS + 1)) if waiting else None}  # fmt: skip


def _figures(found: Heard) -> Row:
    """Return the means of those who answered; the interval, or around the bounds where the arms answered at different rates."""
    low, high = found.bounds if found.bounded else (found.low, found.high)
    return {"mean_contact": found.means[0], "mean_hold_out": found.means[1], "effect": found.effect, "low": low, "high": high,
            "p_value": None if found.bounded else found.p_value, "smallest_seen": None if found.bounded else found.smallest_seen}  # fmt: skip


def _said(found: Heard) -> Row:
    rates = [found.answered[at] / found.asked[at] for at in (0, 1)]
    said = (f"the arms answered at different rates ({rates[0]:.1%} contacted, {rates[1]:.1%} held out): the difference lies between "
            f"{found.bounds[0]:+.2f} and {found.bounds[1]:+.2f}") if found.bounded else None  # fmt: skip
    return {"response_p": found.response_p, "lee": list(found.lee), "manski": list(found.manski), "bounds": said}
