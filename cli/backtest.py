"""`beforehand backtest`: what an issue's detector would have found on past days, beside what else one could have done."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import day_of, to_day
from cli.voice import VOICE, configured
from core.clock import now


def backtest(
    issue: Annotated[str, typer.Argument(metavar="ISSUE", help="The issue's name.")],
    train_to: Annotated[str | None, typer.Option(metavar="DAY", help="Train as of this day; default the eve of the first test day.")] = None,
    test: Annotated[list[str] | None, typer.Option(metavar="DAY", help="A day to flag on; give it again for more. Default the newest weeks.")] = None,
    page: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with charts.")] = None,
) -> None:
    """Replay past days as they would have run and report what the flags would have been worth; nothing else changes."""
    from detectors.backtest import backtest as replay

    settings = configured()
    done = replay(settings, issue, train_to=to_day(train_to), test=tuple(day_of(day) for day in test or ()), now=now())
    found = done.as_dict()
    VOICE.table(f"{issue}: trained as of {done.train_to}, flagged on {len(done.test)} days from {done.test[0]} to {done.test[-1]}",
                ["contender", "average precision", "AUC", "precision", "recall", "median lead, days"],
                [_row(one) for one in found["contenders"]])  # fmt: skip
    sentences = sentences_of(found)
    if page is not None:
        from console.backtest_page import write_page

        sentences.append(f"Page: {write_page(settings, done, found, page)}")
    VOICE.result(found, sentences)


def _row(one: dict[str, Any]) -> list[str]:
    return [one["name"], interval(one["average_precision"]), interval(one["auc"]), share(one["precision_at_capacity"]),
            share(one["recall_at_capacity"]), number(one["lead_days"])]  # fmt: skip


def sentences_of(found: dict[str, Any]) -> list[str]:
    """Return the figures that no contender but the detector has, a sentence each."""
    flags, p = found["flags"], found["probabilities"]
    said = ["", (f"{found['customer_days']:,} customer days at risk, {found['struck']:,} before a trouble "
                f"({share(found['base_rate'])}); {found['episodes']:,} episodes. Precision and recall: by episode, the capacity "
                "of every day used up. Intervals: 95 %, contact units resampled.")]  # fmt: skip
    said += [f"{one['detector']}: {str(one['state']).replace('_', ' ')}{'. ' + one['why'] if one['why'] else '.'}"
             for one in found["trained"]]  # fmt: skip
    if p:
        said.append(f"Probabilities: Brier skill {interval(p['brier_skill'])}, calibration slope "
                    f"{interval(p['calibration_slope'])}, intercept {interval(p['calibration_intercept'])}.")  # fmt: skip
    if not flags["flags"]:
        return [*said, "Nobody would have been flagged."]
    lead = flags["lead_days"]
    said.append(f"Flags: {flags['flags']} from probability {number(found['flag_at'])} on, {flags['struck']} struck in their window; "
                f"precision {share(flags['precision'])}, recall {share(flags['recall'])} of the episodes, observed/expected "
                f"{number(flags['observed_over_expected'])}.")  # fmt: skip
    if lead:
        said.append(f"Lead: median {number(lead[1])} days (quartiles {number(lead[0])} and {number(lead[2])}); at least a day "
                    f"ahead {share(flags['share_1d_ahead'])}, at least 7 days {share(flags['share_7d_ahead'])}. "
                    f"From one test day to the next {share(flags['stability'])} of the flagged stay the same.")  # fmt: skip
    return said


def interval(values: list[float | None] | None) -> str:
    """Return a figure with its interval, or a dash."""
    if not values or values[0] is None:
        return "-"
    low, high = values[1], values[2]
    return f"{values[0]:.3f}" + ("" if low is None or high is None else f" ({low:.3f} to {high:.3f})")


def share(value: float | None) -> str:
    """Return a share in per cent, or a dash."""
    return "-" if value is None else f"{100 * value:.1f} %"


def number(value: float | None) -> str:
    """Return a number with two digits, or a dash."""
    return "-" if value is None else f"{value:.2f}"
