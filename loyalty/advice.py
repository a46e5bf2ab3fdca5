"""What to do with a playbook, by a rule that was stated beforehand: keep it, change it, stop it, or wait for a reading."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loyalty.integrity import doubts
from loyalty.wording import BETTER

RULE = (
    "By the promised outcome at the promised horizon, its 95 % interval and the smallest effect that matters. "
    "Keep: the whole interval is on the good side of zero and reaches what matters. "
    "Change: even the best end of the interval is less than what matters. "
    "Stop: the whole interval is on the bad side of zero, or the daily look found harm. "
    "Wait: anything else, a reading that cannot be made yet, or a draw that was not fair."
)


@dataclass(frozen=True)
class Advice:
    """keep | change | stop | wait, and why."""

    do: str
    why: str


def advice(promised: Mapping[str, Any] | None, *, harm: str | None = None) -> Advice:
    """Return what the rule says of a playbook, from its promised pooled reading; `harm` is the reason of an open harm brake."""
    if harm:
        return Advice("stop", f"The daily look found harm: {harm}.")
    if promised is None:
        return Advice("wait", "Nothing was promised yet: the measure is frozen when the first customer is drawn.")
    if promised["state"] != "readable":
        return Advice("wait", f"The promised reading {'is not due' if promised['state'] == 'not_yet' else 'cannot be made'}: {promised['why']}.")
    unfair = [each for each in doubts(promised["detail"]) if each.startswith("sample ratio")]
    if unfair:
        return Advice("wait", f"The draw was not fair, so the reading is not to be believed before that is explained. {unfair[0]}.")
    return _by_interval(promised)


def _by_interval(promised: Mapping[str, Any]) -> Advice:
    """Apply the rule to an interval turned so that more is better."""
    ends = [promised[end] * BETTER[promised["outcome"]] for end in ("low", "high")]
    worst, best, matters = min(ends), max(ends), promised["detail"]["smallest_effect"]
    if best < 0:
        return Advice("stop", "Those contacted did worse, and the interval leaves no doubt of it.")
    if best < matters:
        good = "It helps, but surely less" if worst > 0 else "Whatever it does, it is surely less"
        return Advice("change", f"{good} than what was stated to matter.")
    if worst > 0:
        return Advice("keep", "Those contacted did better, and by as much as matters or it may be.")
    return Advice("wait", "The interval holds both no effect and one that matters: more customers are needed, or a larger share held out.")
