"""What a part of the bench finds: rows of a table, what goes into the JSON line, and which goals were missed."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Part:
    """One part's findings."""

    name: str
    rows: list[list[str]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    def goal(self, held: bool, said: str) -> None:
        """Note a goal; one that is missed is named at the end."""
        if not held:
            self.missed.append(f"{self.name}: {said}")


def span(value: float, low: float, high: float) -> str:
    """Return a figure with its interval."""
    return f"{value:.3f} ({low:+.3f} to {high:+.3f})"
