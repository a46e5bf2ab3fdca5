"""A company that says what loyalty means to it, and a past to measure."""

import pytest

from tests.loyalty.past import Past, say_what_loyalty_means
from tests.outreach.conftest import database_url, outreach_ledger  # noqa: F401 - one emptied ledger for all tests of this room


@pytest.fixture
def settings(settings):
    return say_what_loyalty_means(settings)


@pytest.fixture
def past(settings, session):
    return Past(settings, session)
