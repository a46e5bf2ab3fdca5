"""Evidence: what an approver sees before a playbook goes further: whom it would have reached, and what happened to them."""

from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from ledger.brakes import open_brakes


def evidence(session: Session, issue: str, *, since: date = date.min) -> dict[str, Any]:
    """Return counts of an issue's flags, of the gate's refusals, of its messages and their fate, and what speaks against it.

    `since` leaves out cohorts before that day.

    `expected_right` is the mean probability of the flags whose story has ended, `was_right` the share of them that was struck
    among those nobody wrote to (shadow and held out): where the two differ, the detector promises what it does not keep.
    """
    values: dict[str, Any] = {"issue": issue, "since": since}
    found: dict[str, Any] = dict(session.execute(FLAGS, values).mappings().one())
    found["messages"] = {state: number for state, number in session.execute(MESSAGES, values)}
    found["refused_by"] = {reason: number for reason, number in session.execute(REFUSED, values)}
    found["readings"] = [dict(row) for row in session.execute(READINGS, values).mappings()]
    found["brakes"] = [brake.reason for brake in open_brakes(session, issue)]
    return found


def sentences(issue: str, found: dict[str, Any]) -> list[str]:
    """Return the same for a person."""
    ended, right = found["ended_untold"], found["was_right"]
    foretold = (f"Of {ended} nobody wrote to and whose time has passed, {right:.0%} were struck; {found['expected_right']:.0%} was foretold."
                if ended else "No flag that nobody wrote to has run its time yet, so nothing is known of how right they are.")  # fmt: skip
    said = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in found["messages"].items()) or "none"
    refused = ", ".join(f"{number} {reason}" for reason, number in found["refused_by"].items()) or "nobody"
    read = [f"Reading {_when(row)}, {row['outcome']}: {row['effect']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})."
            for row in found["readings"]]  # fmt: skip
    flags = (f"{issue}: {found['flags']} flags on {found['days']} days, {found['struck']} struck, {found['over']} over, "
             f"{found['expired']} expired.")  # fmt: skip
    brakes = [f"Brake: {each}" for each in found["brakes"]]
    return [flags, foretold, f"Messages: {said}.", f"The gate refused: {refused}.", *(read or ["No reading is readable yet."]), *brakes]


def _when(row: dict[str, Any]) -> str:
    """Say how long after, and by which design where it is not simply held out."""
    after = f"at {row['horizon_months']} months" if row["horizon_months"] else "within the promised hours"
    return after if row["design"] == "hold_out" else f"{after} (by {row['design']})"


FLAGS = text("""
    WITH f AS (
        SELECT f.*, m.state AS message FROM flags f
        LEFT JOIN messages m ON m.flag_id = f.id AND m.kind = 'notice' AND m.issue = :issue AND m.day >= :since
        WHERE f.issue = :issue AND f.day >= :since AND NOT f.replay
    ), untold AS (
        SELECT * FROM f WHERE state IN ('struck', 'expired', 'over') AND message IN ('shadow', 'held_out')
    )
    SELECT count(*) AS flags, count(DISTINCT day) AS days, count(*) FILTER (WHERE state = 'struck') AS struck,
           count(*) FILTER (WHERE state = 'over') AS over, count(*) FILTER (WHERE state = 'expired') AS expired,
           (SELECT count(*) FROM untold) AS ended_untold,
           (SELECT avg(probability) FROM untold) AS expected_right,
           (SELECT avg(CASE WHEN state = 'struck' THEN 1.0::float ELSE 0.0 END) FROM untold) AS was_right
    FROM f
""")

MESSAGES = text("SELECT state, count(*) FROM messages WHERE issue = :issue AND day >= :since GROUP BY state ORDER BY count(*) DESC, state")

REFUSED = text("""
    SELECT reason, count(*) FROM flags f JOIN verdicts v ON v.flag_id = f.id, jsonb_array_elements_text(v.reasons) AS reason
    WHERE f.issue = :issue AND f.day >= :since GROUP BY reason ORDER BY count(*) DESC, reason
""")

READINGS = text("""
    SELECT DISTINCT ON (horizon_months, outcome, design) horizon_months, outcome, design, effect, low, high FROM readings
    WHERE issue = :issue AND month = 'pooled' AND state = 'readable' ORDER BY horizon_months, outcome, design, revision DESC
""")
