"""A decision: what the gate said of a flag, when its message would go, and what becomes of it."""

from dataclasses import dataclass, field
from datetime import datetime

from outreach.gate import Candidate


@dataclass(slots=True)
class Decision:
    """One candidate and what becomes of it; `reasons` say why its message is not simply planned."""

    candidate: Candidate
    refused: list[str]
    due_at: datetime
    state: str
    moved: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
