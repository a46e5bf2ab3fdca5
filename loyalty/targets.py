"""Each week: is an issue's ranking by who is helped better than by risk? Each day: spend its budget by the better one."""

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import as_day
from core.settings import Settings, current
from detectors.issue import Issue, load_issues
from feature_store.build import read
from feature_store.feature_set import in_use
from ledger.database import sessions
from ledger.flags import Flag
from ledger.measures import Measure
from ledger.targets import Target, keep_policy, keep_targets, policy_in_force
from loyalty.budget import Choice, Terms, choose
from loyalty.moments import Numbers
from loyalty.outcomes import unit_outcomes
from loyalty.policy import judge
from loyalty.readable import Cut, data_cut, settled
from loyalty.targeting import Experience, learn
from loyalty.units import analysis_set, windows
from loyalty.wording import BETTER

JUDGED_EVERY = timedelta(days=7)
SOON = 1  # months: the horizon whose outcome is soonest known


def choose_day(*, day: date | str, now: datetime, settings: Settings | None = None) -> dict[str, Any]:
    """Choose among the day's flags of every issue with a [targeting] budget; return how many were chosen of how many.

    A flag is chosen once; a rerun changes nothing. Ranked by who is helped where that proved better, else by risk.
    """
    settings, day = settings or current(), as_day(day)
    counts: dict[str, Any] = {}
    for name, issue in load_issues(settings).items():
        if issue.targeting is not None:
            with sessions(settings).begin() as session:
                counts[name] = _choose(settings, session, issue, day=day, now=now)
    return counts


def _choose(settings: Settings, session: Session, issue: Issue, *, day: date, now: datetime) -> dict[str, int]:
    targeting = issue.targeting
    if targeting is None:
        raise ValueError(f"{issue.name}: has no [targeting].")
    ranks_by = _policy(settings, session, issue, day=day, now=now)
    concerned = (Flag.issue == issue.name, Flag.day == day, Flag.replay.is_(False), Target.flag_id.is_(None))
    flags = session.scalars(select(Flag).outerjoin(Target).where(*concerned).order_by(Flag.id)).all()
    if not flags:
        return {"flags": 0, "chosen": 0}
    risk = np.array([flag.probability for flag in flags])
    past = experience(settings, session, issue.name, data_cut(settings, day - timedelta(days=1))) if ranks_by == "benefit" else None
    effect = learn(past)(_known(settings, [(flag.customer_id, flag.day) for flag in flags])) if past else risk
    terms = Terms(targeting.budget, targeting.cost, targeting.worth, targeting.explored)
    choice = choose(effect, effect if past else risk, [f"{issue.name}/{flag.customer_id}/{day}" for flag in flags], terms)
    keep_targets(session, _targets(flags, choice, "benefit" if past else "risk"))
    return {"flags": len(flags), "chosen": int(choice.chosen.sum())}


def _targets(flags: Any, choice: Choice, ranks_by: str) -> list[dict[str, Any]]:
    return [{"flag_id": flag.id, "issue": flag.issue, "day": flag.day, "ranks_by": ranks_by, "expected_net": float(choice.net[at]),
             "chosen": bool(choice.chosen[at]), "explored": bool(choice.explored[at]), "chance": float(choice.chance[at])}
            for at, flag in enumerate(flags)]  # fmt: skip


def _policy(settings: Settings, session: Session, issue: Issue, *, day: date, now: datetime) -> str:
    """Return the ranking in force; judge it anew where the last verdict is a week old."""
    kept = policy_in_force(session, issue.name, day)
    if kept is not None and day - kept.from_day < JUDGED_EVERY:
        return kept.ranks_by
    past = experience(settings, session, issue.name, data_cut(settings, day - timedelta(days=1)))
    targeting = issue.targeting
    share = min(targeting.budget / targeting.cost / max(issue.capacity, 1), 1.0) if targeting else 1.0
    verdict = judge(past, share=share, cost=targeting.cost / targeting.worth) if past and targeting else None
    why = verdict.said if verdict else "risk first: there is too little experience yet to tell who is helped"
    ranks_by = "benefit" if verdict and verdict.better else "risk"
    detail = vars(verdict) if verdict else {}
    keep_policy(session, {"issue": issue.name, "from_day": day, "ranks_by": ranks_by, "why": why, "detail": detail, "at": now})
    return ranks_by


def experience(settings: Settings, session: Session, issue: str, cut: Cut) -> Experience | None:
    """Return what became of the issue's units within a month of their draw, with what was known when they were flagged."""
    units = analysis_set(session, before=cut.at).filter(pl.col("issue") == issue)
    spread = windows(units).filter(pl.col("counts") & (pl.col("horizon_months") == SOON))
    spread = spread.filter(settled(pl.col("ends_on"), cut) <= pl.lit(cut.closed_before))
    outcome = _judged_by(session, issue)
    if spread.is_empty() or outcome is None:
        return None
    values = unit_outcomes(settings, session, spread, before=cut.at, only=[outcome]).select("assignment_id", "value")
    rows = spread.join(values, on="assignment_id", maintain_order="left")
    known = _known(settings, list(rows.select("customer_id", "flagged_on").iter_rows()))
    risk = {(f.customer_id, f.day): f.probability for f in session.scalars(select(Flag).where(Flag.issue == issue))}
    weeks = rows["starts_on"].dt.epoch("d").to_numpy() // 7
    return Experience(
        known, (rows["arm"] == "contact").to_numpy(), 1 - rows["share"].to_numpy(), BETTER[outcome] * rows["value"].to_numpy(),
        np.array([risk.get(key, 0.0) for key in rows.select("customer_id", "flagged_on").iter_rows()]), weeks,
    )  # fmt: skip


def _judged_by(session: Session, issue: str) -> str | None:
    """Return the outcome the playbook promised to be judged by."""
    newest = session.scalar(select(Measure).where(Measure.issue == issue).order_by(Measure.frozen_at.desc()).limit(1))
    return newest.measure["outcome"] if newest else None


def _known(settings: Settings, who: list[tuple[str, date]]) -> Numbers:
    """Return the vectors as they were scored, a row each; not a number where a day's are not kept."""
    latest = in_use(settings, max(day for _, day in who))
    names = latest.names if latest else []
    found = np.full((len(who), max(len(names), 1)), np.nan)
    for day in sorted({day for _, day in who}):
        frozen = in_use(settings, day)
        path = settings.root.joinpath("vectors", frozen.version, f"{day}.parquet") if frozen else None
        if path is None or not path.exists():
            continue
        vectors = read(str(path))
        here = {customer: at for at, (customer, on) in enumerate(who) if on == day}
        rows = vectors.filter(pl.col("customer_id").is_in(list(here)))
        place = [here[customer] for customer in rows["customer_id"]]
        for at, name in enumerate(names):
            if name in rows.columns:
                found[place, at] = rows[name].to_numpy()
    return found
