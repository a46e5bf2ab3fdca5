"""Pilots: who is inside one; a drawn share of units or a list, up to so many a day, the arms not yet known."""

from collections import Counter

from sqlalchemy import text
from sqlalchemy.orm import Session

from outreach.gate import WOULD_BE_SENT, Candidate, Facts
from outreach.holdout import draw
from outreach.local_time import company_zone
from outreach.playbook import Playbook


class Pilots:
    """Counts those let into each pilot on the company's day."""

    def __init__(self, session: Session, facts: Facts) -> None:
        """Count who was let in today already."""
        self.facts = facts
        issues = [name for name, playbook in facts.playbooks.items() if playbook.mode == "pilot"]
        midnight = facts.now.astimezone(company_zone(facts.settings)).replace(hour=0, minute=0, second=0, microsecond=0)
        values = {"issues": issues, "since": midnight, "states": [str(state) for state in WOULD_BE_SENT]}
        self.today = Counter({issue: n for issue, n in session.execute(PILOTED, values)} if issues else {})

    def outside(self, candidate: Candidate, playbook: Playbook) -> list[str]:
        """Return why a candidate that passed the gate stays in the shadow, and count it where it does not."""
        if playbook.mode != "pilot":
            return []
        if not self._chosen(candidate, playbook):
            return ["not_in_pilot"]
        if self.today[playbook.issue] >= playbook.pilot.daily_cap:
            return ["pilot_cap"]
        self.today[playbook.issue] += 1
        return []

    def _chosen(self, candidate: Candidate, playbook: Playbook) -> bool:
        pilot = playbook.pilot
        if pilot.only:
            return candidate.customer_id in pilot.only or (candidate.address or "") in pilot.only
        salt = self.facts.settings.outreach.assignment_salt
        return draw(salt, f"pilot {playbook.issue}", 0, candidate.unit_id) < pilot.share


PILOTED = text("""
    SELECT issue, count(*) FROM messages
    WHERE issue = ANY(:issues) AND kind = 'notice' AND planned_at >= :since AND state = ANY(:states) GROUP BY issue
""")
