"""Small cohorts pass by a stated rule, others wait for a person, and a decision that was acted on stands."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.errors import LedgerError
from ledger.acts import Act
from ledger.assignments import Assignment
from ledger.cohorts import Cohort
from ledger.flags import Flag
from outreach.plan import plan_day
from outreach.review import decide, review_day
from tests.outreach.house import DAY, NOW


@pytest.fixture
def waiting(house):
    """A house in which a cohort of three waits, with up to two passing by themselves."""
    house.configure("[review]\nauto_approve_up_to = 2")
    house.crowd(3, cohort="waiting")
    return house


def say(house, verdict, **also):
    details = {"issue": "payment_failing", "day": DAY, "actor": "mia", "now": NOW} | also
    return decide(house.settings, verdict=verdict, **details)


def acts(house):
    with house.open() as session:
        return [(a.actor, a.act, a.subject) for a in session.scalars(select(Act).where(Act.act != "mode").order_by(Act.id))]


def test_a_cohort_within_limits_passes_once_and_says_by_which_rule(waiting):
    waiting.customers("ann")
    waiting.flags("ann", issue="other", cohort="waiting")
    counts = [review_day(day=DAY, now=NOW, settings=waiting.settings) for _ in range(2)]

    assert counts == [{"approved": 1, "waiting": 1}, {"approved": 0, "waiting": 1}]
    assert acts(waiting) == [("within limits", "approve", f"cohort other {DAY}")]


def test_with_no_limit_stated_every_cohort_waits(house):
    house.crowd(1, cohort="waiting")

    assert review_day(day=DAY, now=NOW, settings=house.settings) == {"approved": 0, "waiting": 1}


def test_a_backfilled_cohort_never_passes_and_cannot_be_decided(waiting):
    waiting.flags("c00000", issue="other", cohort="waiting", replay=True)

    assert review_day(day=DAY, now=NOW, settings=waiting.settings) == {"approved": 0, "waiting": 1}
    with pytest.raises(LedgerError, match="a backfilled day is never acted on, got 'approve'"):
        say(waiting, "approve", issue="other")


def test_a_person_decides_and_it_is_recorded(waiting):
    assert say(waiting, "hold", note="too many").state == "held"
    cohort = say(waiting, "approve", trim=[waiting_flag(waiting)])

    assert (cohort.state, cohort.decided_by, len(cohort.trimmed)) == ("approved", "mia", 1)
    assert [act for _, act, _ in acts(waiting)] == ["hold", "approve"]


def test_the_same_decision_again_leaves_one_act(waiting):
    say(waiting, "approve")
    say(waiting, "approve", now=NOW + timedelta(hours=1))

    assert len(acts(waiting)) == 1


def test_a_rejected_cohort_closes_its_flags_and_stays_rejected(waiting):
    say(waiting, "reject")
    with waiting.open() as session:
        assert set(session.scalars(select(Flag.state))) == {"rejected"}
    with pytest.raises(LedgerError, match="rejected by mia, got 'approve'"):
        say(waiting, "approve")


@pytest.mark.parametrize("verdict", ["hold", "reject", "trim"])
def test_once_planned_a_decision_stands(waiting, verdict):
    say(waiting, "approve")
    plan_day(day=DAY, now=NOW, settings=waiting.settings)

    with pytest.raises(LedgerError, match=rf"planned at 2026-04-01 10:00 UTC as approved, got '{verdict}'"):
        say(waiting, verdict, trim=[waiting_flag(waiting)])
    assert say(waiting, "approve").state == "approved"


def test_review_comes_before_any_draw(waiting):
    review_day(day=DAY, now=NOW, settings=waiting.settings)
    say(waiting, "approve")

    assert waiting.count(Assignment) == 0


@pytest.mark.parametrize(
    ("also", "says"),
    [
        ({"verdict": "aprove"}, "verdict 'aprove' does not exist. Did you mean 'approve'"),
        ({"verdict": "approve", "issue": "unheard_of"}, r"cohort unheard_of 2026-03-31: does not exist\. Newest days"),
        ({"verdict": "approve", "trim": [999]}, r"flags \[999\] are not in this cohort"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(waiting, also, says):
    with pytest.raises(LedgerError, match=says):
        say(waiting, **also)

    with waiting.open() as session:
        assert session.scalar(select(Cohort.state)) == "waiting"


def waiting_flag(house):
    with house.open() as session:
        return session.scalar(select(Flag.id).limit(1))
