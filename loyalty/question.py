"""What an experiment's file is asked, and what is answered."""

from dataclasses import dataclass, field
from typing import Any

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
