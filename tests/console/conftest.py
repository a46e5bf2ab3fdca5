"""A company that says what loyalty means to it, and a past to measure."""

import pytest

from tests.loyalty.past import Past, say_what_loyalty_means


@pytest.fixture
def settings(settings):
    return say_what_loyalty_means(settings)


@pytest.fixture
def past(settings, session):
    return Past(settings, session)
