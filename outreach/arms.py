"""Arms: who of those that passed the gate is contacted; first the programme's holdout, then each issue's for the rest.

Where nobody may be held out, some may be told later, still within the hours that are promised (outreach.delay).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from ledger.base import add_once
from ledger.measures import Measure
from ledger.messages import State
from ledger.shares import share_in_force
from outreach.decision import Decision
from outreach.delay import later_at
from outreach.gate import Facts
from outreach.holdout import HOLD_OUT, LATER, PROGRAMME, Wish, assign


@dataclass
class Draw:
    """One planning's draws."""

    session: Session
    facts: Facts

    def arms_of(self, decisions: Sequence[Decision]) -> None:
        """Draw for every decision that is planned, and mark those that are held out with the scope they are held out from."""
        of_day: dict[date, list[Decision]] = defaultdict(list)
        for each in decisions:
            if each.state == State.PLANNED and self.facts.playbooks[each.candidate.issue].arms_differ:
                of_day[each.candidate.day].append(each)
        for day in sorted(of_day):
            self._draw(of_day[day], day)
        self._freeze_measures({each.candidate.issue for drawn in of_day.values() for each in drawn})

    def _draw(self, decisions: list[Decision], day: date) -> None:
        rest = self._out_of_programme(decisions, day)
        shares = {issue: self._share(issue, day) for issue in {each.candidate.issue for each in rest}}
        wishes = [self._wish(each, each.candidate.issue, shares[each.candidate.issue]) for each in rest]
        arms = assign(self.session, wishes, settings=self.facts.settings, day=day, now=self.facts.now)
        for each in rest:
            arm = arms[each.candidate.issue, each.candidate.unit_id]
            if arm == HOLD_OUT:
                each.state, each.reasons = State.HELD_OUT, [each.candidate.issue]
            elif arm == LATER:
                each.due_at = later_at(each, self.facts)

    def _out_of_programme(self, decisions: list[Decision], day: date) -> list[Decision]:
        """Draw the programme's holdout, and return those who are left; an issue that may hold nobody out keeps all."""
        share = self.facts.settings.outreach.global_holdout
        if not share:
            return decisions
        may = [each for each in decisions if not self.facts.playbooks[each.candidate.issue].never_hold_out]
        wishes = [self._wish(each, PROGRAMME, share) for each in may]
        arms = assign(self.session, wishes, settings=self.facts.settings, day=day, now=self.facts.now)
        for each in may:
            if arms[PROGRAMME, each.candidate.unit_id] == HOLD_OUT:
                each.state, each.reasons = State.HELD_OUT, [PROGRAMME]
        return [each for each in decisions if each.state == State.PLANNED]

    def _share(self, issue: str, day: date) -> float:
        """Return the share in force for new draws: the ledger's where it was changed, else the playbook's."""
        playbook = self.facts.playbooks[issue]
        if playbook.measure.design == "delay":
            return playbook.measure.share_later
        changed = None if playbook.never_hold_out else share_in_force(self.session, issue, day)
        return playbook.share if changed is None else changed

    def _wish(self, decision: Decision, scope: str, share: float) -> Wish:
        candidate, playbook = decision.candidate, self.facts.playbooks[decision.candidate.issue]
        design = playbook.measure.design if scope != PROGRAMME else "hold_out"
        return Wish(scope, candidate.unit_id, share, candidate.customer_id, candidate.flag_id, playbook.version, playbook.mode,
                    design, later_at(decision, self.facts) if design == "delay" else None)  # fmt: skip

    def _freeze_measures(self, issues: set[str]) -> None:
        rows = [{"issue": issue, "version": measure.version, "measure": measure.promised(), "frozen_at": self.facts.now}
                for issue in sorted(issues) for measure in [self.facts.playbooks[issue].measure]]  # fmt: skip
        add_once(self.session, Measure, rows, key=["issue", "version"])
