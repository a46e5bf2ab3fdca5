"""`beforehand plan`: say before anybody is contacted what a proof takes, and when it can be read."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from cli.options import Day, day_or_yesterday
from cli.voice import VOICE, configured

Said = Callable[..., str]


def plan(
    issue: Annotated[str, typer.Argument(help="An issue with a playbook.")],
    day: Day = None,
    share: Annotated[float | None, typer.Option(help="The share held out, or told later (default: the playbook's).")] = None,
    smallest: Annotated[float | None, typer.Option(help="The smallest effect that matters, in the outcome's own unit (default: the playbook's).")] = None,
) -> None:
    """Say from past volume and base rate: units, months of enrolment, and the day each horizon can be read, or never."""
    from functools import partial

    from core.errors import ConfigError, unknown_name
    from loyalty.plan import enrolment
    from loyalty.wording import amount
    from outreach.playbook import load_playbooks

    settings, as_of = configured(), day_or_yesterday(day)
    playbooks = load_playbooks(settings)
    if issue not in playbooks:
        raise ConfigError(unknown_name(settings.folder / "playbooks", "playbook", issue, playbooks))
    playbook = playbooks[issue]
    usual = playbook.measure.share_later if playbook.measure.design == "delay" else playbook.share
    part = usual if share is None else share
    if not 0 < part < 1 and playbook.measure.design != "discontinuity":
        raise ConfigError(f"plan {issue}: share: compares nothing, got {part}. Give --share between 0 and 1 (0.5 sees most), or a "
                          "[measure] design for what nobody may be held out from: delay or discontinuity.")
    promise = playbook.measure.promised() | ({} if smallest is None else {"smallest_effect": smallest})
    found = enrolment(settings, issue, day=as_of, share=part, measure=promise, instead=smallest is not None)
    VOICE.result({"day": as_of, **found}, sentences(found, partial(amount, settings, found["outcome"])))


def sentences(found: dict[str, Any], said: Said) -> list[str]:
    """Return what a proof takes, a line each; `said` words an amount of the outcome."""
    from loyalty.wording import count

    delay, horizon = found["design"] == "delay", found["horizon_months"]
    when = f"within {found['promise_hours']} hours of the draw" if delay else f"{count(horizon or 0, 'month')} after the draw"
    before = "" if found["base_rate"] is None else f"{said(found['base_rate'])} on average, "
    lines = [f"{found['issue'].replace('_', ' ')}, judged by {found['outcome']} {when}.",
             f"  Volume:    {found['units_a_week']:.1f} customers newly flagged a week; {found['share']:.0%} {'told later' if delay else 'held out'}.",
             f"  Known now: {before}{found['based_on']} (standard deviation {found['sd']:.3g}{' after the variance cut' if before else ''})."]  # fmt: skip
    if "needs_contact" in found:
        lines.append(f"  Needed:    {found['needs_contact']:,} {'told now' if delay else 'contacted'} and {found['needs_hold_out']:,} "
                     f"{'told later' if delay else 'held out'}, to see {said(found['smallest_effect'], signed=True)} four times in five.")  # fmt: skip
    return lines + (_never(found) if "why" in found else _dates(found, said))


def _never(found: dict[str, Any]) -> list[str]:
    return [f"  No date:   {found['why']}."]


def _dates(found: dict[str, Any], said: Said) -> list[str]:
    from loyalty.wording import count

    days = [f"  Readable:  {'after ' + count(months, 'month') if months else 'after its hours'} from {on}"
            f"{', the promised reading' if months == (found['horizon_months'] or 0) else ''}"
            for months, on in found["readable_from"].items()]  # fmt: skip
    return [f"  Enrolment: {count_months(found['months'])} at this volume, until {found['enrolled_on']}. Of everybody drawn by then:", *days,
            (f"  In a year: {said(found['seen_after_a_year'], signed=True)} would be seen four times in five; the power to see "
             f"{said(found['smallest_effect'], signed=True)} is {found['power_after_a_year']:.2f}.")]  # fmt: skip


def count_months(months: float) -> str:
    """Return "1 month", "10.5 months"."""
    return f"{months:g} month{'' if months == 1 else 's'}"
