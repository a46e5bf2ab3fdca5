"""Is this customer held out? For systems that contact customers themselves, so that they leave the held-out ones alone."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from console.api.texts import Text
from console.problems import refusals
from console.tokens import needs
from core import clock
from core.errors import LedgerError
from ledger.database import sessions
from outreach.heldout import heldout

ROUTER = APIRouter(tags=["holdout"])


class HeldOut(BaseModel):
    """Whether a customer must be left alone on a day."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "customer": "c00042", "unit": "c00042", "day": "2026-03-31", "issue": "payment_failing", "held_out": True,
        "scopes": {"payment_failing": "2027-09-30"},
    }]})  # fmt: skip

    customer: str
    unit: str = Field(description="The contact unit: who shares one inbox with this customer.")
    day: date
    issue: str | None = Field(description="The issue asked for; null: every one counts.")
    held_out: bool = Field(description="True: do not contact them about this.")
    scopes: dict[str, date] = Field(description="From what they are held out (an issue, or `programme` for everything), and until when.")


@ROUTER.get("/holdout/{customer}", dependencies=[needs("holdout:read")], responses=refusals(404), summary="Is this customer held out?")
def holdout(
    request: Request,
    customer: Text,
    issue: Annotated[Text | None, Query(description="About which trouble; left out: about any.")] = None,
    day: Annotated[date | None, Query(description="On which day; left out: today, UTC.")] = None,
) -> HeldOut:
    """Return whether a customer is held out on a day, from which scopes, and until when."""
    settings = request.app.state.settings
    with sessions(settings)() as session:
        try:
            found = heldout(session, customer, day=day or clock.now().date(), settings=settings, issue=issue)
        except LedgerError as error:
            raise HTTPException(404, str(error)) from error
    return HeldOut.model_validate(found)
