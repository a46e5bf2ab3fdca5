"""A cohort far above its usual size waits for a person; a domain that tells of no complaint is unknown, not clean."""

from datetime import timedelta

import pytest

from ledger.brakes import lift, open_brakes
from ledger.cohorts import Cohort
from ledger.messages import Message
from ledger.outcomes import Outcome
from outreach.brake import reputation
from outreach.plan import plan_day
from outreach.send import send_due
from tests.outreach.house import DAY, NOW

SMALL = "[outreach.brake]\nsize_at_least = 30\nsize_times = 3.0\n"


def usually(house, *sizes):
    """Write earlier cohorts of these sizes, the newest last."""
    for n, size in enumerate(sizes):
        house.add(Cohort(issue="payment_failing", day=DAY - timedelta(days=len(sizes) - n), size=size, state="rejected", created_at=NOW,
                         trimmed=[], replay=False))  # fmt: skip


def plan(house, now=NOW):
    return plan_day(day=DAY, now=now, settings=house.settings)


def brakes(house):
    with house.open() as session:
        return list(open_brakes(session))


@pytest.mark.parametrize(
    ("before", "size", "stops"),
    [((10, 11, 9, 12), 32, True), ((10, 11, 9, 12), 29, False), ((20, 20, 20, 20), 59, False), ((20, 20, 20, 20), 60, True),
     ((10, 10, 10), 90, False), ((10, 11, 9, 500), 32, True)],
    ids=["far above", "small all the same", "just below", "three times", "too few to say", "one odd cohort before"],
)  # fmt: skip
def test_a_cohort_far_above_its_usual_size_waits(house, before, size, stops):
    house.configure(SMALL)
    usually(house, *before)
    house.crowd(size)

    assert plan(house)["cohorts"] == (not stops)
    assert [b.kind for b in brakes(house)] == ["size"] * stops
    assert house.count(Message) == (0 if stops else size)


def test_a_person_lets_it_go_and_the_same_cohort_does_not_stop_again(house):
    house.configure(SMALL)
    usually(house, 10, 10, 10, 10)
    house.crowd(40)
    plan(house)
    (brake,) = brakes(house)
    assert brake.reason == "cohort payment_failing 2026-03-31: 40 customers, usually 10"
    with house.open.begin() as session:
        lift(session, brake.id, by="Mia", now=NOW + timedelta(minutes=5))

    assert plan(house, NOW + timedelta(minutes=6))["cohorts"] == 1
    assert brakes(house) == []


def test_another_issue_goes_on(house):
    house.configure(SMALL)
    house.playbook("other")
    usually(house, 10, 10, 10, 10)
    crowd = house.crowd(40)
    house.flags(*crowd[:5], issue="other")
    plan(house)

    assert {m.issue for m in house.messages()} == {"other"}


def test_a_domain_that_never_told_of_a_complaint_is_unknown(house):
    house.playbook(holdout=1e-9)
    house.customers(*(f"a{n}" for n in range(6)))
    for n in range(4):
        house.customers(f"b{n}", address=f"b{n}@tells.example")
    house.flags(*(f"a{n}" for n in range(6)), *(f"b{n}" for n in range(4)))
    plan(house)
    send_due(now=NOW, settings=house.settings)
    house.add(Outcome(message_id=house.message("b1").id, kind="complained", occurred_at=NOW, recorded_at=NOW, detail=None))
    house.change(Message, {"customer_id": "a1"}, state="bounced")
    with house.open() as session:
        found = reputation(session, now=NOW)

    assert [(r.domain, r.sent, r.bounced, r.complaints) for r in found] == [("example.org", 6, 1, None), ("tells.example", 4, 0, 1)]
