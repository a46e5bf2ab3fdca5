"""What a program is told when its request is not taken: one shape for every refusal, with the field where one is at fault."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

PLACES = ("body", "query", "path", "header", "cookie")
WHY = {
    400: "The body is no JSON.",
    401: "No valid token: none was sent, or it was revoked or has expired.",
    403: "The token was not made for this.",
    404: "There is nothing of this name or number.",
    409: "The ledger does not allow it as things stand.",
    413: "The body is too large.",
    422: "A field is missing or wrong, or the Idempotency-Key was used for another request. Nothing was taken.",
    429: "Too many tries with tokens that are not valid. Retry-After says how many seconds to wait.",
    503: "Not ready: the configuration or the database needs mending. Nothing was taken; try again later.",
}


class Fault(BaseModel):
    """One field and what is wrong with it."""

    field: str = Field(description="Where it stands: `contacts.0.customer_id` is the customer of the first contact.")
    problem: str


class Problem(BaseModel):
    """Why a request was not taken."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "detail": "contacts.0.occurred_at: Input should have timezone info",
        "fields": [{"field": "contacts.0.occurred_at", "problem": "Input should have timezone info"}],
    }]})  # fmt: skip

    detail: str = Field(description="The reason in plain words.")
    fields: list[Fault] = Field(default=[], description="Every field at fault; empty where no field is.")


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route's description says of these refusals, and of those that every route knows."""
    known = sorted({401, 403, 409, 422, 429, 503, *statuses})
    return {status: {"model": Problem, "description": WHY[status]} for status in known}


def problem_of(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """Put a framework's errors into our shape; what was sent is not repeated, it may be personal."""
    faults = [Fault(field=_field(error["loc"]), problem=str(error["msg"])) for error in errors]
    return Problem(detail="; ".join(f"{fault.field}: {fault.problem}" for fault in faults[:5]), fields=faults)


def _field(loc: Sequence[Any]) -> str:
    inside = loc[1:] if loc and loc[0] in PLACES else loc
    return ".".join(map(str, inside)) or str(loc[0])
