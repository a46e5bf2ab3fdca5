"""`beforehand effect`: read the effect out of any experiment's file, with every check."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.voice import VOICE

HEADER = ("outcome", "arm", "n", "mean", "diff", "95 % interval", "relative", "p", "p adjusted", "could have seen")


def effect(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file with one row a unit, or a member of a cluster.")],
    arm: Annotated[str, typer.Option(metavar="COLUMN", help="Which arm a row was in.")],
    control: Annotated[str, typer.Option(metavar="VALUE", help="The value of control in that column.")],
    outcome: Annotated[list[str], typer.Option(metavar="COLUMN", help="What came of it; may be given several times.")],
    pre: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="What was known before, for the variance cut.")] = None,
    cluster: Annotated[str | None, typer.Option(metavar="COLUMN", help="What was drawn as one: an account, a household.")] = None,
    share: Annotated[float | None, typer.Option(help="The share drawn to control (default: arms of one size).")] = None,
) -> None:
    """Compare every arm of an experiment's file with control: means, difference, 95 % interval, p, and all checks."""
    from loyalty.experiment import analyse
    from loyalty.experiment_rows import read_experiment
    from loyalty.question import Question

    question = Question(arm, control, tuple(dict.fromkeys(outcome)), tuple(dict.fromkeys(pre or ())), cluster, share)
    answer = analyse(read_experiment(file, question), question)
    lines = [_line(name, value, cell) for name, by_arm in answer.outcomes.items() for value, cell in by_arm.items()]
    VOICE.table(f"{file.name}: each arm against {control}", HEADER, lines)
    VOICE.result(answer.as_json(), [f"sample ratio: p = {answer.srm_p:.3g}", *answer.warnings])


def _line(outcome: str, arm: str, cell: dict[str, Any]) -> list[str]:
    if cell["ci"] is None:
        return [outcome, arm, f"{cell['n']:,}", _number(cell["mean"]), "cannot be read" if "why" in cell else "", *[""] * 5]
    low, high = cell["ci"]
    relative = "" if cell["relative"] is None else f"{100 * cell['relative']:+.1f} %"
    return [outcome, arm, f"{cell['n']:,}", _number(cell["mean"]), _number(cell["diff"], "+"),
            f"{_number(low, '+')} to {_number(high, '+')}", relative, _p(cell["p"]), _p(cell["p_adjusted"]),
            _number(cell["smallest_seen"])]  # fmt: skip


def _number(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign},.4g}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
