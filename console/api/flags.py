"""Flags out: who is about to hit trouble, how sure, why. Never which arm a customer is in."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from console.api.texts import LARGEST_ID, Text
from console.problems import refusals
from console.tokens import needs
from ledger.database import sessions
from ledger.flags import Flag

ROUTER = APIRouter(tags=["flags"])
AT_MOST = 500
State = Literal["open", "struck", "over", "expired", "rejected"]
EXAMPLE: dict[str, Any] = {
    "id": 4711, "customer_id": "c00042", "issue": "payment_failing", "day": "2026-03-31", "probability": 0.31, "days_until": 6.5,
    "state": "open", "closed_on": None, "detector": "payment_failing", "created_at": "2026-04-01T02:10:03Z",
}  # fmt: skip


class FlagOut(BaseModel):
    """An open or closed episode: this customer, this issue, since this day."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [EXAMPLE]})

    id: int
    customer_id: str
    issue: str = Field(description="The kind of trouble, as its file under `config/issues` is called.")
    day: date = Field(description="As of the end of this day, UTC.")
    probability: float = Field(description="That the trouble strikes within the issue's horizon.")
    days_until: float | None = Field(description="Expected days until it hurts.")
    state: State = Field(description="open; struck: the trouble came; over: resolved before; expired: it did not come in time; "
                                     "rejected: a person said no.")  # fmt: skip
    closed_on: date | None
    detector: str
    created_at: datetime


class FlagWithReasons(FlagOut):
    """A flag with its reasons, and the numbers behind them."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [EXAMPLE | {
        "reasons": ["2 payments failed within 30 days"], "evidence": {"failed_payments_30d": 2}}]})  # fmt: skip

    reasons: list[Any] = Field(description="Sentences, the strongest reason first.")
    evidence: dict[str, Any] = Field(description="Feature and value, as known on that day.")


class Flags(BaseModel):
    """A page of flags, by their number."""

    flags: list[FlagOut]
    next: int | None = Field(description="Ask for `after` this number to go on; null when there are no more.")


@ROUTER.get("/flags", dependencies=[needs("flags:read")], responses=refusals(), summary="List flags")
def list_flags(
    request: Request,
    issue: Annotated[Text | None, Query(description="Only this kind of trouble.")] = None,
    day: Annotated[date | None, Query(description="Only flags of this day.")] = None,
    state: Annotated[State | None, Query(description="Only flags in this state.")] = None,
    after: Annotated[int, Query(ge=0, le=LARGEST_ID, description="`next` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=AT_MOST, description="How many at most.")] = 100,
) -> Flags:
    """Return flags by number, so that what is new comes last; flags of days that were only replayed are left out."""
    asked = {Flag.issue: issue, Flag.day: day, Flag.state: state}
    chosen = select(Flag).where(Flag.id > after, ~Flag.replay, *(column == value for column, value in asked.items() if value is not None))
    with sessions(request.app.state.settings)() as session:
        found = session.scalars(chosen.order_by(Flag.id).limit(limit + 1)).all()
    page = [FlagOut.model_validate(flag) for flag in found[:limit]]
    return Flags(flags=page, next=page[-1].id if len(found) > limit else None)


@ROUTER.get("/flags/{flag_id}", dependencies=[needs("flags:read")], responses=refusals(404), summary="One flag with its reasons")
def one_flag(request: Request, flag_id: Annotated[int, Path(ge=1, le=LARGEST_ID)]) -> FlagWithReasons:
    """Return a flag with the reasons a reviewer sees."""
    with sessions(request.app.state.settings)() as session:
        flag = session.get(Flag, flag_id)
    if flag is None:
        raise HTTPException(404, f"There is no flag {flag_id}. GET /api/v1/flags lists those there are.")
    return FlagWithReasons.model_validate(flag)
