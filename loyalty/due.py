"""What there is to issue as of a data cut, by each design: drawn to be held out, drawn to be told later, flagged just above
the threshold against scored just below it, and asked. One row an issue, month, horizon and outcome, readable or not."""

from functools import partial

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.assignments import Assignment
from ledger.flags import Flag
from ledger.measures import Measure
from loyalty.delay import HOURLY, delayed, hourly_outcomes
from loyalty.drawn import Checks, Drawn, Measures, drawn_rows
from loyalty.integrity import adjust_family, contamination, stages
from loyalty.makeup import makeup
from loyalty.outcomes import OUTCOMES, configured, unit_outcomes
from loyalty.readable import POOLED, Cut
from loyalty.row import DELAY, DISCONTINUITY, FIGURES, HOLD_OUT, HOURS, KEY, Row
from loyalty.survey_rows import survey_rows
from loyalty.threshold import threshold_rows
from loyalty.units import HORIZONS_MONTHS, PROGRAMME, analysis_set, windows

__all__ = ["FIGURES", "KEY", "Row", "due_rows"]


def due_rows(settings: Settings, session: Session, cut: Cut) -> list[Row]:
    """Return the rows of every issue as of the cut, readable or not."""
    units, later = analysis_set(session, before=cut.at), delayed(session, before=cut.at)
    measures = _measures(session, pl.concat([frame.select("issue", "month", "assigned_at") for frame in (units, later)]), cut)
    by_design = _designs(session, cut, measures, {HOLD_OUT: units, DELAY: later})
    rows = []
    for drawn in (_held_out(settings, session, units, cut), _delayed(settings, session, later, cut)):
        rows += drawn_rows(drawn, {issue: _outcomes(settings, measures, issue, drawn.design) for issue in by_design[drawn.design]}, cut, measures)
    rows += threshold_rows(settings, session, {issue: _outcomes(settings, measures, issue, DISCONTINUITY) for issue in by_design[DISCONTINUITY]},
                           cut, measures)  # fmt: skip
    for issue in {row["issue"] for row in rows}:
        adjust_family([row for row in rows if row["issue"] == issue])
    return sorted(rows + survey_rows(settings, session, cut, measures), key=lambda row: row["issue"])


def _held_out(settings: Settings, session: Session, units: pl.DataFrame, cut: Cut) -> Drawn:
    spread = windows(units)
    checks = Checks(stages(session, spread, cut, design=HOLD_OUT), contamination(session, cut))
    return Drawn(HOLD_OUT, spread, partial(unit_outcomes, settings, session, before=cut.at), partial(makeup, session), HORIZONS_MONTHS, checks)


def _delayed(settings: Settings, session: Session, units: pl.DataFrame, cut: Cut) -> Drawn:
    checks = Checks(stages(session, units, cut, design=DELAY), {})
    return Drawn(DELAY, units, partial(hourly_outcomes, settings, session, before=cut.at), partial(makeup, session), (HOURS,), checks)


def _designs(session: Session, cut: Cut, measures: Measures, drawn: dict[str, pl.DataFrame]) -> dict[str, list[str]]:
    """Map each design to the issues it reads: those that promise it, and those it ever drew for; where nothing is said, held out."""
    issues = _issues(session, cut)
    promised = {issue: measures.get((issue, POOLED), {}).get("design", HOLD_OUT) for issue in issues}
    had = {design: set(units["issue"].unique()) for design, units in drawn.items()} | {
        DISCONTINUITY: set(session.scalars(select(Assignment.scope).where(Assignment.design == DISCONTINUITY).distinct()))}
    return {design: [issue for issue in issues if promised[issue] == design or issue in had[design]]
            for design in (HOLD_OUT, DELAY, DISCONTINUITY)}  # fmt: skip


def _issues(session: Session, cut: Cut) -> list[str]:
    """Return every issue that promised a measure, drew an arm or raised a flag before the cut."""
    named = (
        select(Measure.issue).where(Measure.frozen_at < cut.at),
        select(Assignment.scope).where(Assignment.assigned_at < cut.at, Assignment.scope != PROGRAMME),
        select(Flag.issue).where(Flag.day < cut.at.date(), Flag.replay.is_(False)),
    )
    return sorted({issue for query in named for issue in session.scalars(query.distinct())})


def _outcomes(settings: Settings, measures: Measures, issue: str, design: str) -> list[str]:
    """Return the outcomes settings.toml can find, and those an issue promised to be judged by even where it cannot."""
    promised = {measure.get("outcome") for (name, _), measure in measures.items() if name == issue}
    named = [name for name in OUTCOMES if name in configured(settings) or name in promised]
    return [name for name in named if name in HOURLY] if design == DELAY else named


def _measures(session: Session, units: pl.DataFrame, cut: Cut) -> Measures:
    """Map (issue, month) and (issue, pooled) to the measure in force at the month's last assignment, with its version."""
    frozen = session.scalars(select(Measure).where(Measure.frozen_at < cut.at).order_by(Measure.frozen_at, Measure.version))
    versions: dict[str, list[Measure]] = {}
    for measure in frozen:
        versions.setdefault(measure.issue, []).append(measure)
    moments = [(row[0], row[1], row[2]) for row in units.group_by("issue", "month").agg(pl.col("assigned_at").max()).rows()]
    moments += [(issue, POOLED, cut.at) for issue in versions]
    found = {}
    for issue, month, until in moments:
        in_force = [each for each in versions.get(issue, []) if each.frozen_at <= until] or versions.get(issue, [])[:1]
        if in_force:
            found[issue, month] = {**in_force[-1].measure, "version": in_force[-1].version}
    return found
