"""`beforehand plan`: say before anybody is contacted what a proof takes, and when it can be read."""

from typing import Annotated, Any

import typer

from cli.options import Day, day_or_yesterday
from cli.voice import VOICE, configured


def plan(
    issue: Annotated[str, typer.Argument(help="An issue with a playbook.")],
    day: Day = None,
    share: Annotated[float | None, typer.Option(help="The share held out (default: the playbook's).")] = None,
    smallest: Annotated[float | None, typer.Option(help="The smallest effect that matters (default: the playbook's).")] = None,
) -> None:
    """Say from past volume and base rate: units, months of enrolment, and the day each horizon can be read, or never."""
    from core.errors import ConfigError, unknown_name
    from loyalty.plan import enrolment
    from outreach.playbook import load_playbooks

    settings, as_of = configured(), day_or_yesterday(day)
    playbooks = load_playbooks(settings)
    if issue not in playbooks:
        raise ConfigError(unknown_name(settings.folder / "playbooks", "playbook", issue, playbooks))
    playbook = playbooks[issue]
    part = playbook.share if share is None else share
    if not 0 < part < 1:
        raise ConfigError(f"plan {issue}: share: compares nothing, got {part}. Give --share between 0 and 1; 0.5 sees most.")
    promise = playbook.measure.model_dump() | ({} if smallest is None else {"smallest_effect": smallest})
    found = enrolment(settings, issue, day=as_of, share=part, measure=promise, instead=smallest is not None)
    VOICE.result({"day": as_of, **found}, _sentences(found))


def _sentences(found: dict[str, Any]) -> list[str]:
    rate = "" if found["base_rate"] is None else f", on average {found['base_rate']:.3g}"
    judged = (f"{found['issue']}: judged by {found['outcome']} after {found['horizon_months']} months{rate} "
              f"(spread {found['sd']:.3g} after the variance cut; {found['based_on']}).")  # fmt: skip
    said = [judged, f"Volume: {found['units_a_week']:.1f} newly flagged customers a week; {found['share']:.0%} held out."]
    if "needs_contact" in found:
        said.append(f"To see {found['smallest_effect']:g} four times in five: {found['needs_contact']:,} contacted and "
                    f"{found['needs_hold_out']:,} held out.")  # fmt: skip
    if "why" in found:
        return [*said, f"Cannot be planned: {found['why']}."]
    said.append(f"Enrolment: {found['months']:g} months, until {found['enrolled_on']}.")
    said += [f"Readable after {months} month{'s' if months > 1 else ''}: from {on}" for months, on in found["readable_from"].items()]
    seen = f"{found['seen_after_a_year']:.3g} would be seen four times in five"
    return [*said, f"After one year the power is {found['power_after_a_year']:.2f}, and {seen}."]
