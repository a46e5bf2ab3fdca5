"""OpenID Connect: an own identity provider says who somebody is; what they may do stays in the ledger.

Code flow with PKCE and a nonce, as OpenID Connect Core 1.0 asks; the client secret is BEFOREHAND_OIDC_SECRET.
"""

import os
from typing import Any

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.starlette_client import OAuth
from fastapi import Request
from fastapi.responses import Response
from httpx import HTTPError
from joserfc.errors import JoseError
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from core.errors import ConfigError, MissingError
from core.settings import Settings
from ledger import people
from ledger.database import sessions
from ledger.people import Person

SECRET_ENV = "BEFOREHAND_OIDC_SECRET"
NO_PROVIDER = "No OpenID provider is set up: [console.oidc] in settings.toml."


async def leave(request: Request) -> Response:
    """Return the redirect to the provider's own sign-in page."""
    try:
        return await _client(request).authorize_redirect(request, str(request.url_for("from_provider")))
    except HTTPError as error:
        raise MissingError(f"The OpenID provider does not answer: {error}. A password of your own still works, where you have one.") from error


async def arrive(request: Request) -> tuple[Person | None, str]:
    """Return whom the provider vouches for, if an admin added them; else why nobody is let in."""
    try:
        claims = await _claims(request)
    except (OAuthError, JoseError, HTTPError) as error:
        return None, f"The provider did not vouch for you: {error}. Try again."
    return await run_in_threadpool(_person, request.app.state.settings, claims)


async def _claims(request: Request) -> dict[str, Any]:
    """Return what the ID token says, and the rest from the UserInfo endpoint where that speaks of the same subject."""
    client = _client(request)
    token = await client.authorize_access_token(request)
    claims: dict[str, Any] = dict(token.get("userinfo") or {})
    if "email" not in claims and (await client.load_server_metadata()).get("userinfo_endpoint"):
        more = dict(await client.userinfo(token=token))
        if more.get("sub") == claims.get("sub"):  # OpenID Connect Core 1.0, 5.3.2
            claims |= more
    return claims


def _person(settings: Settings, claims: dict[str, Any]) -> tuple[Person | None, str]:
    """Find by the provider's own id; the first time by an address the provider has verified."""
    subject, email = str(claims.get("sub", "")), str(claims.get("email", ""))
    with sessions(settings).begin() as session:
        person = session.scalar(select(Person).where(Person.subject == subject)) if subject else None
        if person is None and subject and email and claims.get("email_verified") is True:
            person = people.by_email(session, email)
            if person is not None and person.subject is None:
                person.subject = subject
            elif person is not None:
                person = None
        if person is None or person.disabled_at is not None:
            return None, f"{email or subject or 'You'} may not sign in here. An admin can change that: beforehand people add."
        return person, ""


def _client(request: Request) -> Any:
    settings: Settings = request.app.state.settings
    provider = settings.console.oidc
    if provider is None:
        raise MissingError(NO_PROVIDER)
    made = getattr(request.app.state, "oidc", None)
    if made is None:
        secret = os.environ.get(SECRET_ENV)
        if not secret:
            raise ConfigError(f"{SECRET_ENV}: it is not set. The provider gave it to you together with the client id {provider.client_id!r}.")
        made = OAuth().register(
            "provider", client_id=provider.client_id, client_secret=secret,
            server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10},
        )  # fmt: skip
        request.app.state.oidc = made
    return made
