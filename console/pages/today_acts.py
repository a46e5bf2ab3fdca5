"""What a person settles from the first page: a call that was made, a message in doubt, a brake that may go."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Path, Request
from fastapi.responses import RedirectResponse, Response

from console.auth import needs_role
from console.render import at
from core import clock
from core.errors import LedgerError, unknown_name
from core.settings import Settings
from ledger.database import sessions
from ledger.sign_ins import Visitor
from outreach import calls
from outreach.doubts import VERDICTS, settle_doubt
from outreach.kill_switch import let_go

ROUTER = APIRouter(include_in_schema=False)
Reviewer = Annotated[Visitor, needs_role("reviewer")]
Approver = Annotated[Visitor, needs_role("approver")]
Number = Annotated[int, Path(ge=1, lt=2**31)]
Key = Annotated[str, Path(max_length=100, pattern=r"^\w+$")]
Note = Annotated[str, Form(max_length=2000)]
Verdict = Annotated[str, Form(max_length=40)]


@ROUTER.post("/today/calls/{key}")
def call_made(request: Request, visitor: Reviewer, key: Key, verdict: Verdict = "") -> Response:
    """Write how a call went."""
    _check("call", verdict, calls.VERDICTS)
    with sessions(_settings(request)).begin() as session:
        if not calls.settle(session, key, verdict=verdict, by=visitor.email, now=clock.now()):
            raise LedgerError(f"call {key}: is not on the list, or somebody settled it before, got {verdict!r}. Nothing was changed.")
    return _back(request, "calls")


@ROUTER.post("/today/messages/{number}")
def doubt_settled(request: Request, visitor: Approver, number: Number, verdict: Verdict = "", note: Note = "") -> Response:
    """Write what became of a message in doubt."""
    _check("message", verdict, VERDICTS)
    with sessions(_settings(request)).begin() as session:
        if not settle_doubt(session, number, verdict=verdict, by=visitor.email, now=clock.now(), note=_text(note)):
            raise LedgerError(f"message {number}: is in no doubt any more, got {verdict!r}. The provider or somebody else settled it; "
                              "nothing was changed.")  # fmt: skip
    return _back(request, "doubts")


@ROUTER.post("/today/brakes/{number}")
def brake_let_go(request: Request, visitor: Approver, number: Number, note: Note = "") -> Response:
    """Let a brake go, in the name under which the settings know the approver."""
    settings = _settings(request)
    by = visitor.name if visitor.name in settings.outreach.approvers else visitor.email
    with sessions(settings).begin() as session:
        let_go(session, number, by=by, now=clock.now(), settings=settings, note=_text(note))
    return _back(request, "brakes")


def _check(what: str, verdict: str, known: Iterable[str]) -> None:
    """Refuse a verdict that nobody knows."""
    if verdict not in known:
        raise HTTPException(422, unknown_name(what, "verdict", verdict, known))


def _text(note: str) -> str | None:
    return note.replace("\0", "").strip() or None


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _back(request: Request, place: str) -> Response:
    return RedirectResponse(f"{at(request, '/')}#{place}", status_code=303)
