"""What the fault tests stand on: a company in the test's own ledger, and a provider on this machine."""

import pytest

from tests.outreach.house import House
from tests.outreach.provider import Provider


@pytest.fixture
def house(settings):
    """A company with a live playbook, and nobody in it yet."""
    return House(settings)


@pytest.fixture
def provider(monkeypatch):
    """A server that speaks SendGrid's contract and counts what it received."""
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.test")
    with Provider() as running:
        yield running
