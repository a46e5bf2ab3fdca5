"""Another system with a token, asking as it would."""

import pytest
from fastapi.testclient import TestClient

from console.app import create_app
from core import clock
from ledger.api_tokens import SCOPES, make_token
from ledger.database import sessions


@pytest.fixture
def make_caller(settings):
    """Make a client that shows a token of its own, for the scopes named (all of them when none are)."""
    opened = []

    def make(name="crm", scopes=SCOPES):
        with sessions(settings).begin() as session:
            secret = make_token(session, name=name, scopes=scopes, by="ada", now=clock.now())
        client = TestClient(create_app(settings), headers={"Authorization": f"Bearer {secret}"})
        opened.append(client.__enter__())
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def caller(make_caller):
    """A client with a token for everything."""
    return make_caller()
