"""The effect engine on any experiment's file: one row a unit (or a cluster's member) in, every arm against control out."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl

from core.errors import ConfigError
from loyalty.effect import Effects, compare
from loyalty.experiment_rows import complete, units_of
from loyalty.families import METHOD, holm
from loyalty.moments import Codes, Moments, Numbers, of_rows
from loyalty.question import Answer, Question
from loyalty.sequential import ALARM, sample_ratio_always_p
from loyalty.strata import why_not
from loyalty.variance_cut import Shape

BALANCE_ALARM = 0.01        # an adjusted p of the pre-period below this is an alarm


def analyse(rows: pl.DataFrame, question: Question) -> Answer:
    """Return every outcome's effect of every arm against control, with all checks. `rows` hold the question's columns."""
    answer = Answer()
    rows = complete(rows, question, answer)
    units = units_of(rows, question, answer)
    arms, codes = _arms(units[question.arm], question.control)
    sizes = np.bincount(codes, minlength=len(arms)).astype(float)
    share = _shares(question, len(arms))
    answer.srm_p = _sample_ratio(sizes, share, answer)
    _balance(units, question, codes, arms, answer)
    beside = [units[name].cast(pl.Float64).to_numpy() for name in (*(["members"] if question.cluster else []), *question.pre)]

    def effects(outcome: str) -> dict[str, dict[str, Any]]:
        moments = of_rows([units[outcome].to_numpy(), *beside], codes, len(arms))
        return _by_arm(moments, arms, share, Shape(ratio=question.cluster is not None))

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # adding up a million rows leaves Python alone
        answer.outcomes |= zip(question.outcomes, threads.map(effects, question.outcomes), strict=True)
    _adjust(answer)
    _doubts(answer)
    return answer


def _arms(drawn: pl.Series, control: str) -> tuple[list[str], Codes]:
    """Return the arms' names, control first, and each unit's arm as a number."""
    drawn = drawn if drawn.dtype == pl.Categorical else drawn.cast(pl.String).cast(pl.Categorical)
    physical = drawn.to_physical()
    names = dict(zip(physical.unique(maintain_order=True), drawn.unique(maintain_order=True), strict=True))
    arms = [control, *sorted(set(names.values()) - {control})]
    place = np.zeros(max(names, default=0) + 1, dtype=np.int8 if len(arms) < 128 else np.int64)
    for code, name in names.items():
        place[code] = arms.index(name)
    return arms, place[physical.to_numpy()]


def _shares(question: Question, arms: int) -> Numbers:
    """Return the share each arm was to have, control first."""
    if question.share is None:
        return np.full(arms, 1 / arms)
    if not 0 < question.share < 1:
        raise ConfigError(f"--share: must lie between 0 and 1, got {question.share}. It is the share of control, as drawn.")
    return np.array([question.share, *[(1 - question.share) / (arms - 1)] * (arms - 1)])


def _sample_ratio(sizes: Numbers, share: Numbers, answer: Answer) -> float:
    """Return the p, valid at any look, that arms of these sizes were drawn with these shares (a binomial for each arm, Holm)."""
    against = [np.array([[sizes.sum() - size, size]]) for size in sizes]
    p = [float(sample_ratio_always_p(n, share[at : at + 1])) for at, n in enumerate(against)]
    worst = min(1.0, min(p) * (len(p) if len(p) > 2 else 1))
    if worst < ALARM:
        found = ", ".join(f"{size:,.0f}" for size in sizes)
        wanted = ", ".join(f"{part * sizes.sum():,.0f}" for part in share)
        answer.warnings.append(f"Sample ratio: arms of {found} do not come from a draw that expects {wanted} (p = {worst:.2g}). "
                               "Find out why before believing any figure.")  # fmt: skip
    return worst


def _pair(moments: Moments, at: int, share: Numbers, shape: Shape) -> Effects:
    """Compare one arm with control."""
    pair = Moments(*(part[[at, 0]][None, None] for part in (moments.n, moments.mean, moments.second, moments.third)))
    return compare(pair, np.array([[share[0] / (share[0] + share[at])]]), shape)


def _by_arm(moments: Moments, arms: list[str], share: Numbers, shape: Shape) -> dict[str, dict[str, Any]]:
    """Return an outcome's figures by arm; a clustered mean is a ratio of the cluster's sum to its members."""
    against = [_pair(moments, at, share, shape) for at in range(1, len(arms))]
    return {arms[0]: _control(against[0]), **{arm: _figures(found) for arm, found in zip(arms[1:], against, strict=True)}}


def _control(found: Effects) -> dict[str, Any]:
    return {"n": int(found.n[0, 1]), "mean": _plain(found.raw[0, 1]), "diff": None, "se": None, "ci": None, "p": None}


def _figures(found: Effects) -> dict[str, Any]:
    """Return an arm's figures, or the reason why there are none."""
    n, mean = int(found.n[0, 0]), _plain(found.raw[0, 0])
    if why := why_not(found, 0):
        n = n or int(found.everybody[0])
        return {"n": n, "mean": mean, "diff": None, "se": None, "ci": None, "p": None, "why": why}
    base = float(found.means[0, 1])
    return {
        "n": n, "mean": mean, "diff": float(found.effect[0]), "se": float(found.se[0]),
        "ci": [float(found.low[0]), float(found.high[0])], "p": float(found.p_value[0]),
        "df": float(found.df[0]), "relative": float(found.effect[0]) / base if base else None,
        "smallest_seen": float(found.smallest_seen[0]), "skewness": float(found.skewness[0]), "lean": float(found.lean[0]),
    }  # fmt: skip


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _balance(units: pl.DataFrame, question: Question, codes: Codes, arms: list[str], answer: Answer) -> None:
    """Warn where what was known before differs between the arms."""
    checks = [(name, at) for name in question.pre for at in range(1, len(arms))]
    share = _shares(question, len(arms))
    found = []
    for name, at in checks:
        against = _pair(of_rows([units[name].to_numpy()], codes, len(arms)), at, share, Shape())
        found.append((float(against.p_value[0]) if against.readable[0] else None, float(against.effect[0] / max(against.sd[0], 1e-300))))
    for (name, at), (_, apart), p in zip(checks, found, holm([p for p, _ in found]), strict=True):
        if p is not None and p < BALANCE_ALARM:
            answer.warnings.append(f"Balance: before the experiment {name} of {arms[at]} differed from {arms[0]} by {apart:+.2f} standard "
                                   f"deviations (adjusted p = {p:.2g}).")  # fmt: skip


def _adjust(answer: Answer) -> None:
    """Add to every p the one adjusted for all outcomes and arms."""
    cells = [cell for by_arm in answer.outcomes.values() for cell in by_arm.values()]
    for cell, p in zip(cells, holm([cell["p"] for cell in cells], sum(cell["diff"] is not None for cell in cells)), strict=True):
        if p is not None:
            cell["p_adjusted"] = p


def _doubts(answer: Answer) -> None:
    """Say what could not be read and what was adjusted."""
    several = sum(cell["p"] is not None for by_arm in answer.outcomes.values() for cell in by_arm.values())
    for outcome, by_arm in answer.outcomes.items():
        for arm, cell in by_arm.items():
            if "why" in cell:
                answer.warnings.append(f"{outcome}, {arm}: cannot be read: {cell['why']}.")
    if several > 1:
        answer.warnings.append(f"{several} comparisons were made: p_adjusted takes that into account ({METHOD}).")
