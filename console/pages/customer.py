"""A customer: one timeline of everything the ledger knows, what was scored, who they are like, and what a colleague may do.

Each look is written down. Personal details are masked unless the role may see them (console.personal), and arms are hidden
while somebody can still decide about the customer (outreach.blind).
"""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from console.auth import SignedIn, needs_role
from console.exports import exported, wanted
from console.personal import UNMASKED_FOR, details, may_see
from console.render import at, render
from console.scored import scored
from console.timeline_words import KINDS, plain, told
from core import clock
from core.errors import BeforehandError
from detectors.similar import of_flag
from ledger.customers import Customer
from ledger.database import sessions
from ledger.flags import Flag
from ledger.notes import write_note
from ledger.people import may
from ledger.sign_ins import Visitor
from ledger.suppressions import Suppression
from ledger.timeline import PAGE, timeline
from ledger.views import newest_views, note_view
from outreach.blind import hidden_scopes, undecided
from outreach.by_hand import STOPS, call_by_hand, stop_by_hand
from outreach.find import is_known

ROUTER = APIRouter(include_in_schema=False)
Reviewer = Annotated[Visitor, needs_role("reviewer")]
Words = Annotated[str, Form(max_length=2000)]
EXPORTED_AT_MOST = 20_000
DONE = {"note": "The note is kept.", "call": "The call is on the list.", "stop": "They get no more messages, from the next send on.",
        "same": "This call was on the list already; nothing was added."}  # fmt: skip


@ROUTER.get("/customers/{customer_id:path}/timeline")
def part(request: Request, visitor: SignedIn, customer_id: str, kinds: str = "", after: str | None = None) -> Response:
    """Show the timeline alone: another choice of kinds, or its next page."""
    with _opened(request)() as session:
        facts = _timeline(session, customer_id, visitor, kinds=kinds, after=after)
    return render(request, "customer_timeline.html.j2", **facts)


@ROUTER.get("/customers/{customer_id:path}/scored")
def known_when_scored(request: Request, visitor: SignedIn, customer_id: str) -> Response:
    """Show use, bills and trouble as the newest scored day's vectors hold them, beside four weeks before."""
    return render(request, "customer_scored.html.j2", found=scored(request.app.state.settings, customer_id))


@ROUTER.get("/customers/{customer_id:path}/similar/{flag_id}")
def similar(request: Request, visitor: SignedIn, customer_id: str, flag_id: int) -> Response:
    """Say what became of the past customers most like this one; worked out when asked."""
    with _opened(request)() as session:
        flag = session.get(Flag, flag_id)
        if flag is None or flag.customer_id != customer_id:
            raise HTTPException(404, f"Customer {customer_id} has no flag {flag_id}.")
        try:
            sentence, found = of_flag(request.app.state.settings, session, flag_id).sentence(), True
        except BeforehandError as error:  # no model of that day any more, say: the reason is the answer
            sentence, found = str(error), False
    return render(request, "customer_similar.html.j2", sentence=sentence, found=found)


@ROUTER.post("/customers/{customer_id:path}/note")
def note(request: Request, visitor: Reviewer, customer_id: str, words: Words = "") -> Response:
    """Keep a colleague's note."""
    if not words.strip():
        raise HTTPException(422, "A note needs a word at least. Go back and write it.")
    return _act(request, customer_id, lambda session: _note(session, customer_id, words, visitor))


@ROUTER.post("/customers/{customer_id:path}/call")
def call(request: Request, visitor: Reviewer, customer_id: str, words: Words = "") -> Response:
    """Put a call on the list."""
    if not words.strip():
        raise HTTPException(422, "Say what the call is about. Go back and write a sentence for whoever calls.")
    asked = lambda session: call_by_hand(session, customer_id, says=words, by=visitor.email, now=clock.now())
    return _act(request, customer_id, lambda session: "call" if asked(session) else "same")


@ROUTER.post("/customers/{customer_id:path}/stop")
def stop(request: Request, visitor: Reviewer, customer_id: str, reason: Annotated[str, Form()] = "", words: Words = "") -> Response:
    """Send them nothing any more."""
    if reason not in STOPS:
        raise HTTPException(422, "Choose why the messages stop.")
    return _act(request, customer_id, lambda session: _stop(session, customer_id, reason, words, visitor))


@ROUTER.get("/customers/{customer_id:path}")
def customer(request: Request, visitor: SignedIn, customer_id: str, kinds: str = "", after: str | None = None, done: str = "") -> Response:
    """Show everything known of a customer, and write down who looked."""
    kind = wanted(request)
    with _opened(request).begin() as session:
        _refuse_unknown(session, customer_id)
        known = session.get(Customer, customer_id)
        shown = details(known, visitor.role)
        note_view(session, customer_id, by=visitor.email, unmasked=shown.unmasked, now=clock.now())
        if kind:
            hidden = hidden_scopes(undecided(session, customer_id))
            entries = timeline(session, customer_id, kinds=_kinds(kinds), hidden=hidden, limit=EXPORTED_AT_MOST)
            return exported([plain(entry, visitor.role) for entry in entries], "timeline", kind)
        facts: dict[str, Any] = _timeline(session, customer_id, visitor, kinds=kinds, after=after)
        facts |= {"customer": known, "details": shown, "stopped": _stopped(session, customer_id),
                  "views": newest_views(session, customer_id) if may_see(visitor.role) else []}  # fmt: skip
    return render(request, "customer.html.j2", **facts, stops=STOPS, masked=not may_see(visitor.role), unmasked_for=UNMASKED_FOR,
                  acts=may(visitor.role, "reviewer"), done=DONE.get(done))  # fmt: skip


def _timeline(session: Session, customer_id: str, visitor: Visitor, *, kinds: str, after: str | None) -> dict[str, Any]:
    waiting = undecided(session, customer_id)
    chosen = _kinds(kinds)
    entries = timeline(session, customer_id, kinds=chosen, hidden=hidden_scopes(waiting), after=after, limit=PAGE + 1)
    return {
        "customer_id": customer_id, "path": f"/customers/{quote(customer_id)}", "waiting": waiting, "goes_on": after is not None,
        "entries": [told(entry, visitor.role) for entry in entries[:PAGE]], "chosen": ",".join(chosen), "filtered": bool(chosen),
        "after": entries[PAGE - 1].key if len(entries) > PAGE else None,
        "choices": [(kind, name, kind in chosen, ",".join(_toggled(chosen, kind))) for kind, name in KINDS.items()],
    }  # fmt: skip


def _kinds(asked: str) -> list[str]:
    return [kind for kind in KINDS if kind in asked.split(",")]


def _toggled(chosen: list[str], kind: str) -> list[str]:
    return [each for each in KINDS if (each in chosen) != (each == kind)]


def _act(request: Request, customer_id: str, act: Callable[[Session], str]) -> Response:
    with _opened(request).begin() as session:
        _refuse_unknown(session, customer_id)
        done = act(session)
    return RedirectResponse(at(request, f"/customers/{quote(customer_id)}?done={done}"), status_code=303)


def _note(session: Session, customer_id: str, words: str, visitor: Visitor) -> str:
    write_note(session, customer_id, words, by=visitor.email, now=clock.now())
    return "note"


def _stop(session: Session, customer_id: str, reason: str, words: str, visitor: Visitor) -> str:
    stop_by_hand(session, customer_id, reason=reason, said=words, by=visitor.email, now=clock.now())
    return "stop"


def _stopped(session: Session, customer_id: str) -> Suppression | None:
    return session.get(Suppression, (customer_id, "all"))


def _refuse_unknown(session: Session, customer_id: str) -> None:
    if not is_known(session, customer_id):
        raise HTTPException(404, f"No customer {customer_id!r} is known. Search for them by address, telephone or the code in a message.")


def _opened(request: Request) -> Any:
    return sessions(request.app.state.settings)
