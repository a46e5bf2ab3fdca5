"""Whose arm may be seen: nobody learns the arm of a customer about whom somebody can still decide.

An arm is frozen for months, so an earlier draw tells what a new one will be: while a cohort with one of the customer's flags,
or of whoever shares their inbox, is not planned yet, the arms that would apply to it are hidden, and all that gives them away.
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from outreach.holdout import PROGRAMME


@dataclass(frozen=True)
class Undecided:
    """A cohort with a flag of this customer, or of their household, that is not planned yet."""

    issue: str
    day: date
    state: str


def undecided(session: Session, customer_id: str) -> list[Undecided]:
    """Return the cohorts in which a decision about this customer is still to be taken or carried out, newest first."""
    return [Undecided(*row) for row in session.execute(UNDECIDED, {"customer": customer_id})]


def hidden_scopes(waiting: list[Undecided]) -> list[str]:
    """Return the scopes whose arms are hidden: the issues that wait, and with any of them the whole programme's."""
    return sorted({each.issue for each in waiting} | ({PROGRAMME} if waiting else set()))


UNDECIDED = text("""
    WITH household AS (
        SELECT CAST(:customer AS text) AS customer_id
        UNION
        SELECT other.customer_id FROM customers me JOIN customers other USING (unit_id) WHERE me.customer_id = :customer
    )
    SELECT DISTINCT c.issue, c.day, c.state
    FROM household JOIN flags f USING (customer_id) JOIN cohorts c ON c.issue = f.issue AND c.day = f.day
    WHERE c.planned_at IS NULL AND NOT c.replay AND c.state IN ('waiting', 'held', 'approved') AND f.state <> 'rejected'
    ORDER BY c.day DESC, c.issue
""")
