"""Tokens: another system is let in for what its token was made for, until it ends."""

from datetime import timedelta

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from console.limits import Limits
from console.tokens import needs
from core import clock
from core.errors import ConfigError, LedgerError
from ledger.api_tokens import make_token, revoke
from ledger.database import sessions


@pytest.fixture
def client(settings):
    app, router = FastAPI(), APIRouter()
    router.get("/asked")(_asked)
    app.include_router(router)
    app.state.settings, app.state.limits = settings, Limits()
    with TestClient(app) as made:
        yield made


def _asked(name: str = needs("holdout:read")):
    return {"name": name}


def made(settings, **more):
    with sessions(settings).begin() as session:
        return make_token(session, **{"name": "help desk", "scopes": ["holdout:read"], "by": "ada", "now": clock.now()} | more)


def ask(client, secret):
    return client.get("/asked", headers={"Authorization": f"Bearer {secret}"})


def test_a_token_with_the_scope_is_let_in_by_name(settings, client):
    assert ask(client, made(settings)).json() == {"name": "help desk"}


def test_a_token_without_the_scope_is_told_what_it_is_for(settings, client):
    answer = ask(client, made(settings, scopes=["contacts:write"]))
    assert answer.status_code == 403
    assert "it is for contacts:write" in answer.text


def test_an_expired_a_revoked_and_a_made_up_token_are_refused(settings, client):
    expired = made(settings, lasts=timedelta(seconds=-1))
    revoked = made(settings, name="old desk")
    with sessions(settings).begin() as session:
        revoke(session, "old desk", now=clock.now())
    assert [ask(client, secret).status_code for secret in (expired, revoked, "bfh_made_up")] == [401, 401, 401]


def test_an_unknown_scope_names_the_nearest(settings):
    with pytest.raises(LedgerError, match="Did you mean 'holdout:read'"):
        made(settings, scopes=["holdout:reads"])
    with pytest.raises(ConfigError, match="Did you mean 'flags:read'"):
        needs("flag:read")
