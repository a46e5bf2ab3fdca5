"""A customer who was written to today, and a browser that opens what the letter links to."""

import pytest

from outreach.plan import plan_day
from outreach.send import send_due
from tests.console.house import browser
from tests.outreach.house import DAY, NOW, House


@pytest.fixture
def house(settings):
    """One customer, Ann, who was written to today."""
    made = House(settings)
    made.playbook(more="never_hold_out = true", holdout=0.0)
    made.customers("ann", phone="+49 40 555 0199")
    made.flags("ann")
    plan_day(day=DAY, now=NOW, settings=settings)
    send_due(now=NOW, settings=settings)
    return made


@pytest.fixture
def client(house):
    with browser(house.settings) as opened:
        yield opened
