"""What customers' mail systems say pulls the brake, with the numbers that pulled it; silence is unknown, never zero."""

import pytest
from sqlalchemy import select

from ledger.brakes import Brake
from ledger.messages import Message
from outreach.alarm import look_at_rates, silent
from outreach.event import Event, Kind
from outreach.events import hear_told
from tests.outreach.house import DAY, NOW, minutes


@pytest.fixture
def sent(house):
    """A house with 200 messages that a provider took an hour ago."""
    ids = house.crowd(200)
    with house.open.begin() as session:
        from ledger.flags import Flag

        for n, flag in enumerate(session.scalars(select(Flag).order_by(Flag.id))):
            session.add(Message(key=f"{n:032x}", flag_id=flag.id, kind="notice", issue=flag.issue, playbook_version="1", customer_id=ids[n],
                                unit_id=ids[n], channel="sendgrid", day=DAY, planned_at=NOW, due_at=NOW, state="accepted",
                                claimed_at=NOW, settled_at=NOW))  # fmt: skip
    return house


def tell(house, kind, n, *, hard=False, now=NOW):
    with house.open.begin() as session:
        hear_told(session, [Event("sendgrid", f"{kind}-{i}", kind, f"{i:032x}", NOW, f"c{i:05d}@example.org", hard) for i in range(n)], now=now)
        reasons = look_at_rates(session, house.settings, now=now)
        return reasons, {(brake.issue, brake.kind) for brake in session.scalars(select(Brake))}


@pytest.mark.parametrize(("n", "hard", "pulled"), [(4, True, False), (5, True, True), (50, False, False)])
def test_hard_bounces_above_two_in_a_hundred_stop_the_issue(sent, n, hard, pulled):
    reasons, brakes = tell(sent, Kind.BOUNCED, n, hard=hard)

    assert brakes == ({("payment_failing", "bounces")} if pulled else set())
    assert [reason[:50] for reason in reasons] == (["5 of 200 messages of the last 7 days bounced for g"] if pulled else [])


@pytest.mark.parametrize(("n", "pulled"), [(2, False), (3, True)])
def test_three_complaints_of_one_domain_stop_everything(sent, n, pulled):
    _, brakes = tell(sent, Kind.COMPLAINED, n)

    assert brakes == ({(None, "complaints")} if pulled else set())


def test_what_is_older_than_a_week_pulls_nothing(sent):
    assert tell(sent, Kind.COMPLAINED, 9, now=NOW + minutes(8 * 24 * 60)) == ([], set())


def test_a_provider_that_tells_of_no_complaint_is_silent_not_clean(sent):
    with sent.open() as session:
        assert silent(session, "sendgrid")
    tell(sent, Kind.COMPLAINED, 1)
    with sent.open() as session:
        assert not silent(session, "sendgrid")
