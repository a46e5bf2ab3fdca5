"""Contacts and outcomes in: what other systems tell of customers lands in the inbox, and comes to the lake as a source's rows do.

A request is taken whole or not at all; sent twice under one Idempotency-Key it is done once and answered alike.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat

from console.api.texts import LARGEST_NUMBER, Key, Name, Text
from console.problems import refusals
from console.tokens import needs
from core import clock
from ledger.database import sessions
from ledger.idempotency_keys import Asked, KeyUsedError, answer_once
from ledger.inbox import receive

ROUTER = APIRouter()
ROWS_AT_MOST, FACTS_AT_MOST = 1000, 40
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
Whole = Annotated[int, Field(strict=True, ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
Fact = Annotated[bool, Field(strict=True)] | Whole | FiniteFloat | Text
Facts = Annotated[dict[Name, Fact], Field(max_length=FACTS_AT_MOST)]
KeyHeader = Annotated[Key, Header(alias="Idempotency-Key", description=(
    "A name of yours for this request, a UUID say. Sent again with the same body, the request is not done again and gets the same "
    "answer; with another body it is refused. Good for ever; never put a customer's name or number into it."))]  # fmt: skip


class Told(BaseModel):
    """What every row says: of whom, since when it is true, and by which id of the sender's it can be corrected."""

    model_config = ConfigDict(extra="forbid")

    id: Text = Field(description="Yours, unique among what your token sends. Sent again with other content it corrects the first.")
    customer_id: Text
    occurred_at: AwareDatetime = Field(ge=EARLIEST, description="When it happened, with its time zone; not in the future.")
    withdrawn: bool = Field(default=False, description="True takes an earlier row with this id back.")
    facts: Facts = Field(default={}, description="Whatever else your sources' files map: numbers, words, yes or no. No names, no "
                                                 "addresses, no free text.")  # fmt: skip


class Contact(Told):
    """A customer reached you."""

    topic: Text = Field(description="What it was about: billing_dispute.")
    channel: Literal["call", "chat", "ticket", "email", "visit", "other"] | None = None


class Outcome(Told):
    """Something became of a customer: they bought, stayed, left, or their trouble was resolved."""

    outcome: Text = Field(description="What happened: bought, left, resolved.")
    amount_cents: Whole | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None


class Contacts(BaseModel):
    """Contacts of one request."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"contacts": [{
        "id": "T-1001", "customer_id": "c00042", "topic": "billing_dispute", "channel": "call",
        "occurred_at": "2026-03-31T14:05:00+02:00", "facts": {"waited_minutes": 7.5}}]}]})  # fmt: skip

    contacts: Annotated[list[Contact], Field(min_length=1, max_length=ROWS_AT_MOST)]


class Outcomes(BaseModel):
    """Outcomes of one request."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"outcomes": [{
        "id": "S-77", "customer_id": "c00042", "outcome": "bought", "occurred_at": "2026-03-31T09:00:00Z", "amount_cents": 1990,
        "currency": "EUR"}]}]})  # fmt: skip

    outcomes: Annotated[list[Outcome], Field(min_length=1, max_length=ROWS_AT_MOST)]


class Taken(BaseModel):
    """What was taken, and since when we know it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"taken": 1, "recorded_at": "2026-03-31T12:05:01.123456Z"}]})

    taken: int = Field(description="How many rows.")
    recorded_at: AwareDatetime = Field(description="When we received them; scores of earlier moments never see them.")


TAKES: dict[str, Any] = {"status_code": 201, "responses": refusals(400, 413)}


@ROUTER.post("/contacts", tags=["contacts"], summary="Tell of contacts", **TAKES)
def take_contacts(
    request: Request, response: Response, body: Contacts, key: KeyHeader, token: Annotated[str, needs("contacts:write")]
) -> Taken:
    """Take up to a thousand contacts of customers with you, all or none of them."""
    return _take(request, response, (token, key), ("contact", "contacts", body.contacts))


@ROUTER.post("/outcomes", tags=["outcomes"], summary="Tell of outcomes", **TAKES)
def take_outcomes(
    request: Request, response: Response, body: Outcomes, key: KeyHeader, token: Annotated[str, needs("outcomes:write")]
) -> Taken:
    """Take up to a thousand outcomes, all or none of them."""
    return _take(request, response, (token, key), ("outcome", "outcomes", body.outcomes))


def _take(request: Request, response: Response, by: tuple[str, str], told: tuple[str, str, Sequence[Told]]) -> Taken:
    (token, key), (kind, field, rows), now = by, told, clock.now()
    _refuse_the_future(field, rows, now)
    bodies = [row.model_dump(mode="json", exclude_unset=True) for row in rows]
    digest = hashlib.sha256(json.dumps([kind, bodies], sort_keys=True).encode()).hexdigest()
    with sessions(request.app.state.settings).begin() as session:

        def work() -> dict[str, Any]:
            sent = [(body.pop("customer_id"), body) for body in bodies]
            taken = receive(session, kind, sent, token=token, idempotency_key=key, now=now)
            return {"taken": taken, "recorded_at": now.isoformat()}

        try:
            answer, again = answer_once(session, Asked(token, key, digest), work, now=now)
        except KeyUsedError as error:
            raise RequestValidationError([{"loc": ("header", "Idempotency-Key"), "msg": str(error)}]) from error
    if again:
        response.headers["Idempotent-Replayed"] = "true"
    return Taken.model_validate(answer)


def _refuse_the_future(field: str, rows: Sequence[Told], now: datetime) -> None:
    late = [{"loc": ("body", field, n, "occurred_at"), "msg": f"It lies after the moment we received it, {now:%Y-%m-%dT%H:%M:%SZ}"}
            for n, row in enumerate(rows) if row.occurred_at > now]  # fmt: skip
    if late:
        raise RequestValidationError(late)
