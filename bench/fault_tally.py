"""What the fault run counts at its end: the provider's word against the ledger's, message by message."""

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ledger.messages import SENT, Message, State

NEVER_CALLED = (State.HELD_OUT, State.SHADOW, State.SUPPRESSED)
SHOWN = 10


@dataclass
class Tally:
    """Counts, and every message that is not accounted for, with why."""

    received: int = 0
    duplicates: int = 0
    uncertain: list[str] = field(default_factory=list)
    unaccounted: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)


def tally(session: Session, received: Counter[str]) -> Tally:
    """Return the counts: a message is accounted for when ledger and provider say the same, or the ledger says it is in doubt."""
    found = Tally(received=len(received), duplicates=sum(n - 1 for n in received.values()))
    known = set()
    for key, state in session.execute(select(Message.key, Message.state).order_by(Message.id)):
        known.add(key)
        found.states[state] += 1
        if state == State.UNCERTAIN:
            found.uncertain.append(key)
        elif why := _wrong(state, arrived=key in received):
            found.unaccounted.append(f"{key} {why}")
    found.unaccounted += [f"{key} was received and is not in the ledger" for key in received if key not in known]
    found.unaccounted += [f"message {row.id} is {row.state}, its arrows end at {row.last}" for row in session.execute(BROKEN)]
    return found


def _wrong(state: str, *, arrived: bool) -> str | None:
    if state in SENT:
        return None if arrived else f"is {state} and was never received"
    if state == State.REFUSED or state in NEVER_CALLED:
        return f"is {state} and was received" if arrived else None
    return f"is still {state}"


# Each arrow begins where the one before it ended, the first at `planned`, and the last ends at the message's state.
BROKEN = text("""
    WITH arrows AS (
        SELECT message_id, id, from_state, to_state,
               lag(to_state, 1, 'planned') OVER (PARTITION BY message_id ORDER BY id) AS before
        FROM transitions
    ), summed AS (
        SELECT message_id, bool_and(from_state = before) AS whole, (array_agg(to_state ORDER BY id DESC))[1] AS last
        FROM arrows GROUP BY message_id
    )
    SELECT m.id, m.state, COALESCE(s.last, 'planned') AS last FROM messages m LEFT JOIN summed s ON s.message_id = m.id
    WHERE m.state NOT IN ('held_out', 'shadow') AND NOT (m.state = 'suppressed' AND s.last IS NULL)
      AND (COALESCE(s.last, 'planned') <> m.state OR s.whole IS FALSE)
    LIMIT 100
""")
