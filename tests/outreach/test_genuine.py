"""Whoever answers the phone can tell our message from somebody else's."""

import pytest

from outreach.genuine import find_by_code
from outreach.keyed_hash import check_code
from outreach.plan import plan_day
from outreach.send import send_due
from tests.outreach.house import DAY, NOW


@pytest.fixture
def sent(house):
    """Ten messages, about half of them sent and the others held out."""
    house.crowd(10)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)
    return house


def ask(house, code):
    with house.open() as session:
        return [message.customer_id for message in find_by_code(session, house.settings, code)]


@pytest.mark.parametrize("spoken", [str, str.lower, lambda c: c.replace("-", " "), lambda c: c.replace("0", "O").replace("1", "l")])
def test_a_code_leads_to_its_message_however_it_is_read_out(sent, spoken):
    for message in sent.messages(state="accepted"):
        assert ask(sent, spoken(check_code(sent.settings, message.key))) == [message.customer_id]


def test_a_made_up_code_leads_nowhere(sent):
    assert ask(sent, "0000-0000") == []


def test_a_message_that_was_held_out_never_arrived(sent):
    assert ask(sent, check_code(sent.settings, sent.messages(state="held_out")[0].key)) == []
