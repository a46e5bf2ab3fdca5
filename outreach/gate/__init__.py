"""The one gate before every send, whatever the path; it cannot tell the arms apart.

`rules` refuse for good, each with a reason that is recorded; `timing` moves a message, it never copies it. Both look at
`facts`, which are read for all candidates at once: before the arms are drawn, and again at the last moment before the call.
"""

from outreach.gate.candidate import Candidate
from outreach.gate.facts import MAY_BE_SENT, WOULD_BE_SENT, Facts, gather
from outreach.gate.rules import RULES, WAITS, refusals
from outreach.gate.speaker import channel_for
from outreach.gate.timing import MOVES, when

__all__ = ["MAY_BE_SENT", "MOVES", "RULES", "WAITS", "WOULD_BE_SENT", "Candidate", "Facts", "channel_for", "gather",
           "refusals", "when"]
