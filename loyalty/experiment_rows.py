"""The rows of an experiment's file: read, complete, and added up to the units that were drawn; who is lost on the way is said."""

from pathlib import Path

import numpy as np
import polars as pl

from core.errors import ConfigError, SourceError, unknown_name
from loyalty.question import Answer, Question
from loyalty.sequential import ALARM


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
    others = [name for name in question.columns if name != question.arm]
    rows = scan.select(pl.col(question.arm).cast(pl.String).cast(pl.Categorical), *others).collect()
    arms = rows[question.arm].drop_nulls().unique().to_list()
    if question.control not in arms:
        raise ConfigError(unknown_name(f"{path}: {question.arm}", "arm", question.control, arms))
    if len(arms) < 2:
        raise ConfigError(f"{path}: {question.arm}: only {question.control!r} is there. An effect needs a second arm.")
    return rows


def complete(rows: pl.DataFrame, question: Question, answer: Answer) -> pl.DataFrame:
    """Drop rows without an arm or an outcome and say so; who drops out may not be the same in both arms."""
    numbers = [*question.outcomes, *question.pre]
    floats = [name for name in numbers if rows[name].dtype.is_float()]
    rows = rows.with_columns(pl.when(pl.col(name).is_finite()).then(pl.col(name)) for name in floats)
    needed = [question.arm, *question.outcomes, *([question.cluster] if question.cluster else [])]
    missing = rows.select(pl.col(needed).is_null().sum()).row(0, named=True)
    for name, count in missing.items():
        if count:
            answer.warnings.append(f"{count:,} of {len(rows):,} rows have no {name} and were left out.")
    for name in question.pre:
        if count := rows[name].null_count():
            answer.warnings.append(f"{count:,} rows have no {name}; they count with its mean.")
    if any(missing.values()):
        whole = rows.drop_nulls(needed)
        _attrition(rows, whole, question, answer)
        rows = whole
    known = (pl.col(name).cast(pl.Float64) for name in question.pre if rows[name].null_count())
    return rows.with_columns(column.fill_null(column.mean()).fill_null(0.0) for column in known)


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


def units_of(rows: pl.DataFrame, question: Question, answer: Answer) -> pl.DataFrame:
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
