"""The effect engine on any experiment's file: one row a unit (or a cluster's member) in, every arm against control out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.errors import ConfigError, SourceError, unknown_name
from loyalty.effect import Effects, Shape, compare
from loyalty.families import METHOD, holm
from loyalty.moments import Codes, Moments, Numbers, of_rows
from loyalty.sequential import ALARM, sample_ratio_always_p
from loyalty.strata import why_not

BALANCE_ALARM = 0.01        # an adjusted p of the pre-period below this is an alarm
SAID = ("n", "mean", "diff", "se", "ci", "p")


@dataclass(frozen=True)
class Question:
    """Which columns say what: the arm and its control value, outcomes, what was known before, what hangs together."""

    arm: str
    control: str
    outcomes: tuple[str, ...]
    pre: tuple[str, ...] = ()
    cluster: str | None = None
    share: float | None = None              # of control, as drawn; None: the arms were to be of one size

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column the question names, once each."""
        named = (self.arm, *self.outcomes, *self.pre, *([self.cluster] if self.cluster else []))
        return tuple(dict.fromkeys(named))


@dataclass
class Answer:
    """What came of it: figures by outcome and arm, the sample ratio's p, and what to know before believing them."""

    outcomes: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    srm_p: float = 1.0
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return each outcome's arms with n, mean, diff, se, ci and p, beside `srm_p` and `warnings`."""
        said = {outcome: {arm: {name: cell[name] for name in SAID} for arm, cell in by_arm.items()}
                for outcome, by_arm in self.outcomes.items()}  # fmt: skip
        return {**said, "srm_p": self.srm_p, "warnings": self.warnings}


def read_experiment(path: Path, question: Question) -> pl.DataFrame:
    """Return the question's columns of a CSV or Parquet file. Raise ConfigError for a column or value that is not there."""
    scan = _scan(path)
    known = scan.collect_schema()
    for name in question.columns:
        if name not in known:
            raise ConfigError(unknown_name(path, "column", name, known.names()))
    for name in (*question.outcomes, *question.pre):
        if not (known[name].is_numeric() or known[name] == pl.Boolean):
            raise ConfigError(f"{path}: column {name!r} holds {known[name]}, not numbers. Outcomes and --pre are numbers, or yes and no.")
    for name in ("srm_p", "warnings"):
        if name in question.outcomes:
            raise ConfigError(f"{path}: column {name!r} bears a name of the answer's own. Rename it.")
    rows = scan.select(question.columns).collect().with_columns(pl.col(question.arm).cast(pl.String))
    arms = rows[question.arm].drop_nulls().unique().to_list()
    if question.control not in arms:
        raise ConfigError(unknown_name(f"{path}: {question.arm}", "arm", question.control, arms))
    if len(arms) < 2:
        raise ConfigError(f"{path}: {question.arm}: only {question.control!r} is there. An effect needs a second arm.")
    return rows


def analyse(rows: pl.DataFrame, question: Question) -> Answer:
    """Return every outcome's effect of every arm against control, with all checks. `rows` hold the question's columns."""
    answer = Answer()
    rows = _complete(rows, question, answer)
    units = _units(rows, question, answer)
    arms = [question.control, *sorted(set(units[question.arm].unique()) - {question.control})]
    codes = units[question.arm].replace_strict(arms, range(len(arms)), return_dtype=pl.Int64).to_numpy()
    sizes = np.bincount(codes, minlength=len(arms)).astype(float)
    share = _shares(question, len(arms))
    answer.srm_p = _sample_ratio(sizes, share, answer)
    _balance(units, question, codes, arms, answer)
    for outcome in question.outcomes:
        answer.outcomes[outcome] = _outcome(units, question, outcome, codes, arms, share)
    _adjust(answer)
    _doubts(answer)
    return answer


def _scan(path: Path) -> pl.LazyFrame:
    if not path.exists():
        raise ConfigError(f"{path}: the file does not exist. Name a CSV or Parquet file with one row a unit.")
    if ".parquet" not in path.name and ".csv" not in path.name:
        raise ConfigError(f"{path}: ends in {path.suffix or 'nothing'!r}. Known: .csv, .csv.gz, .parquet.")
    try:
        scan = pl.scan_parquet(path) if ".parquet" in path.name else pl.scan_csv(path, infer_schema_length=10_000)
        scan.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(f"{path}: cannot be read: {str(error).splitlines()[0]}. CSV (with a header) and Parquet are.") from error
    return scan


def _complete(rows: pl.DataFrame, question: Question, answer: Answer) -> pl.DataFrame:
    """Drop rows without an arm or an outcome and say so; who drops out may not be the same in both arms."""
    numbers = [*question.outcomes, *question.pre]
    rows = rows.with_columns(pl.col(numbers).cast(pl.Float64))
    rows = rows.with_columns(pl.when(pl.col(name).is_finite()).then(pl.col(name)) for name in numbers)
    needed = [question.arm, *question.outcomes, *([question.cluster] if question.cluster else [])]
    missing = rows.select(pl.col(needed).is_null().sum()).row(0, named=True)
    for name, count in missing.items():
        if count:
            answer.warnings.append(f"{count:,} of {len(rows):,} rows have no {name} and were left out.")
    for name in question.pre:
        if count := rows[name].null_count():
            answer.warnings.append(f"{count:,} rows have no {name}; they count with its mean.")
    whole = rows.drop_nulls(needed)
    _attrition(rows, whole, question, answer)
    return whole.with_columns(pl.col(name).fill_null(pl.col(name).mean()).fill_null(0.0) for name in question.pre)


def _attrition(rows: pl.DataFrame, whole: pl.DataFrame, question: Question, answer: Answer) -> None:
    """Warn where one arm lost more of its rows than another (chi-square)."""
    from scipy.stats import chi2_contingency

    drawn = rows.drop_nulls(question.arm).group_by(question.arm).len().sort(question.arm)
    kept = drawn.join(whole.group_by(question.arm).len(), on=question.arm, how="left", suffix="_kept").fill_null(0)
    lost = (kept["len"] - kept["len_kept"]).to_numpy()
    if lost.sum() and len(kept) > 1 and kept["len_kept"].min():
        p = float(chi2_contingency(np.vstack([lost, kept["len_kept"].to_numpy()])).pvalue)
        if p < ALARM:
            answer.warnings.append(f"The arms lost different shares of their rows (p = {p:.2g}): the effect may be theirs.")


def _units(rows: pl.DataFrame, question: Question, answer: Answer) -> pl.DataFrame:
    """Add the rows of each cluster up, with their number; a cluster in several arms is in none."""
    if question.cluster is None:
        return rows
    numbers = [*question.outcomes, *question.pre]
    units = rows.group_by(question.cluster, maintain_order=True).agg(
        pl.col(question.arm).first(), pl.col(question.arm).n_unique().alias("arms"), pl.col(numbers).sum(),
        pl.len().cast(pl.Float64).alias("members"),
    )  # fmt: skip
    if mixed := units.filter(pl.col("arms") > 1).height:
        answer.warnings.append(f"Contamination: {mixed:,} of {units.height:,} clusters have rows in several arms and were left out.")
    return units.filter(pl.col("arms") == 1)


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


def _pair(columns: Sequence[Numbers], codes: Codes, at: int, share: Numbers, shape: Shape) -> Effects:
    """Compare one arm with control."""
    moments = of_rows(columns, codes, len(share))
    pair = Moments(*(part[[at, 0]][None, None] for part in (moments.n, moments.mean, moments.second, moments.third)))
    return compare(pair, np.array([[share[0] / (share[0] + share[at])]]), shape)


def _outcome(
    units: pl.DataFrame, question: Question, outcome: str, codes: Codes, arms: list[str], share: Numbers
) -> dict[str, dict[str, Any]]:
    """Return an outcome's figures by arm; a clustered mean is a ratio of the cluster's sum to its members."""
    clustered = question.cluster is not None
    columns = [units[outcome].to_numpy(), *([units["members"].to_numpy()] if clustered else []),
               *(units[name].to_numpy() for name in question.pre)]  # fmt: skip
    found = {}
    for at, arm in enumerate(arms):
        against = _pair(columns, codes, max(at, 1), share, Shape(ratio=clustered))
        found[arm] = _figures(against) if at else _control(against)
    return found


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
        against = _pair([units[name].to_numpy()], codes, at, share, Shape())
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
