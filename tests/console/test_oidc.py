"""OpenID Connect against a real provider: who it vouches for gets in where an admin added them, and nobody else."""

import httpx
import oidc_provider_mock
import pytest

from core import clock
from core.settings import OpenId
from ledger.database import sessions
from ledger.people import add_person, by_email
from tests.console.house import browser


@pytest.fixture
def provider():
    with oidc_provider_mock.run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def settings(settings, provider, monkeypatch):
    monkeypatch.setenv("BEFOREHAND_OIDC_SECRET", "a secret of the provider")
    console = settings.console.model_copy(update={"oidc": OpenId(name="Lumen ID", issuer=provider, client_id="beforehand")})
    changed = settings.model_copy(update={"console": console})
    changed._folder = settings.folder
    return changed


def vouch(client, provider, subject, claims):
    """Walk the browser's way: to the provider, sign in there as `subject`, and back."""
    httpx.put(f"{provider}/users/{subject}", json=claims).raise_for_status()
    away = client.get("/sign-in/oidc")
    assert away.headers["location"].startswith(provider)
    assert "code_challenge_method=S256" in away.headers["location"]
    back = httpx.post(away.headers["location"], data={"sub": subject}, follow_redirects=False)
    return client.get(back.headers["location"])


def test_somebody_an_admin_added_comes_in_with_a_verified_address(settings, provider):
    with sessions(settings).begin() as session:
        add_person(session, email="ada@lumen.example", name="Ada", role="approver", now=clock.now())
    with browser(settings) as client:
        answer = vouch(client, provider, "ada-1", {"email": "ada@lumen.example", "email_verified": True})
        assert answer.status_code == 303, answer.text
        assert "Ada" in client.get("/").text
    with sessions(settings)() as session:
        assert by_email(session, "ada@lumen.example").subject == "ada-1"


@pytest.mark.parametrize("claims", [
    {"email": "ada@lumen.example", "email_verified": False},
    {"email": "ada@lumen.example"},
    {"email": "eve@lumen.example", "email_verified": True},
])  # fmt: skip
def test_an_address_not_verified_or_not_added_stays_out(settings, provider, claims):
    with sessions(settings).begin() as session:
        add_person(session, email="ada@lumen.example", name="Ada", role="admin", now=clock.now())
    with browser(settings) as client:
        answer = vouch(client, provider, "stranger", claims)
        assert answer.status_code == 403
        assert "may not sign in here" in answer.text
        assert client.get("/").status_code == 303


def test_an_answer_that_was_not_asked_for_lets_nobody_in(settings, provider):
    with browser(settings) as client:
        answer = client.get("/sign-in/oidc/back?code=made-up&state=made-up")
    assert answer.status_code == 403
    assert "did not vouch" in answer.text


def test_a_provider_that_is_down_is_said_so(settings):
    console = settings.console.model_copy(update={"oidc": OpenId(name="Lumen ID", issuer="http://127.0.0.1:9", client_id="b")})
    down = settings.model_copy(update={"console": console})
    down._folder = settings.folder
    with browser(down) as client:
        answer = client.get("/sign-in/oidc")
    assert answer.status_code == 503
    assert "does not answer" in answer.text
