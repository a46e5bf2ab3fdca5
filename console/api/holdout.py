"""Is this customer held out? For systems that contact customers themselves, so that they leave the held-out ones alone."""

from datetime import date
from typing import Any

from fastapi import APIRouter, HTTPException, Request

from console.tokens import needs
from core import clock
from core.errors import LedgerError
from ledger.database import sessions
from outreach.heldout import heldout

ROUTER = APIRouter(tags=["holdout"])


@ROUTER.get("/holdout/{customer}", dependencies=[needs("holdout:read")])
def holdout(request: Request, customer: str, issue: str | None = None, day: date | None = None) -> dict[str, Any]:
    """Return whether a customer is held out on a day (default today), from which scopes, and until when."""
    settings = request.app.state.settings
    with sessions(settings)() as session:
        try:
            return heldout(session, customer, day=day or clock.now().date(), settings=settings, issue=issue)
        except LedgerError as error:
            raise HTTPException(404, str(error)) from error
