"""What a playbook is judged by, promised beforehand: [measure] of its file."""

import hashlib
import json
from typing import Any, Literal

from pydantic import Field

from core.strict import Strict

MeasuredBy = Literal["retained", "days_there", "revenue", "purchases", "contacts", "complaints", "unsubscribes", "referrals"]


class Stop(Strict):
    """What is looked at every day: shown to be worse among those contacted, the playbook stops by itself."""

    outcome: MeasuredBy = "retained"
    horizon_months: Literal[1, 6, 18] = 1
    planned_units: int = Field(default=5_000, ge=100)  # of both arms, at which the daily interval is narrowest


class Asked(Strict):
    """A random sample of both arms is asked the same question at the same time, in words that say nothing of the trouble."""

    kind: Literal["csat", "ces", "nps"]
    share: float = Field(gt=0, le=1)              # of the units of either arm
    horizon_months: Literal[1, 6, 18] = 1


class Measure(Strict):
    """What the playbook is judged by: one outcome, promised beforehand; frozen at its first assignment."""

    outcome: MeasuredBy = "retained"
    horizon_months: Literal[1, 6, 18] = 6
    smallest_effect: float = Field(gt=0)          # in the outcome's own unit: a share, days, cents, or a count
    design: Literal["hold_out", "delay", "discontinuity"] = "hold_out"  # the others are for what nobody may be held out from
    promise_hours: int | None = Field(default=None, ge=2, le=72)  # delay: everybody is told within so many hours of the draw
    share_later: float = Field(default=0.5, gt=0, lt=1)           # delay: the share that is told at their end
    cap: float | None = Field(default=None, gt=0)  # a unit's value is cut here, so that one giant decides nothing
    stop: Stop = Stop()
    survey: Asked | None = None

    @property
    def version(self) -> str:
        """The hash of what was promised."""
        return hashlib.sha256(json.dumps(self.promised(), sort_keys=True).encode()).hexdigest()[:12]

    def promised(self) -> dict[str, Any]:
        """Return what is frozen; what says nothing beside the usual design is left out, so that it changes no version."""
        unsaid = {"hold_out": {"design", "promise_hours", "share_later"}, "discontinuity": {"promise_hours", "share_later"}}
        return self.model_dump(exclude=unsaid.get(self.design, {"horizon_months"}) | ({"survey"} if self.survey is None else set()))
