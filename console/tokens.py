"""Tokens: how another system is let in. `Authorization: Bearer bfh_...`, for the scopes it was made for."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from console.access import SCOPE
from core import clock
from core.errors import ConfigError, unknown_name
from ledger.api_tokens import SCOPES, token_in_force
from ledger.database import sessions

BEARER = HTTPBearer(auto_error=False, description="A token made by `beforehand tokens make NAME --scope SCOPE`.")
TRIES_A_MINUTE = 30


def needs(scope: str) -> Any:
    """Return the dependency that lets in a token with this scope, and gives the token's name."""
    if scope not in SCOPES:
        raise ConfigError(unknown_name("console/api", "scope", scope, SCOPES))

    async def let_in(
        request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
    ) -> str:
        found = await run_in_threadpool(_token, request, shown.credentials) if shown else None
        if found is None:
            request.app.state.limits.count(request, "token", TRIES_A_MINUTE)
            raise HTTPException(401, "A valid token is needed: Authorization: Bearer ...", headers={"WWW-Authenticate": "Bearer"})
        name, scopes = found
        if scope not in scopes:
            raise HTTPException(403, f"The token {name!r} is not made for {scope}; it is for {', '.join(scopes) or 'nothing'}.")
        return name

    setattr(let_in, SCOPE, scope)
    return Depends(let_in)


def _token(request: Request, secret: str) -> tuple[str, list[Any]] | None:
    with sessions(request.app.state.settings).begin() as session:
        token = token_in_force(session, secret, now=clock.now())
        return (token.name, token.scopes) if token else None
