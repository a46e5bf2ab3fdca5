"""Decisions about a cohort: approve, hold, reject, open again, take customers out or put them back, call back.

One decision counts: who decided on what was no longer the newest is told who was quicker, and nothing of theirs is written.
"""

from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from starlette.background import BackgroundTask
from starlette.datastructures import FormData

from console import cohort_table as table
from console.auth import needs_role
from console.nudge import nudge
from console.pages.cohort import HERE, Issue, path_of
from console.render import render
from core import clock
from core.errors import ConfigError, LedgerError
from core.settings import Settings
from ledger.cohorts import Cohort
from ledger.database import sessions
from ledger.sign_ins import Visitor
from outreach.recall import recall
from outreach.review import OvertakenError, cohort_of, decide

ROUTER = APIRouter(include_in_schema=False)
Reviewer = Annotated[Visitor, needs_role("reviewer")]
Approver = Annotated[Visitor, needs_role("approver")]
FILTER = ("q", "low", "high", "reason", "trait", "shown", "sort")


async def _form(request: Request) -> FormData:
    return await request.form()


Said = Annotated[FormData, Depends(_form)]


@ROUTER.post(HERE + "/approve")
def approve(request: Request, visitor: Approver, issue: Issue, day: date, said: Said) -> Response:
    """Approve it, and tell Airflow; above the authority line the first of two approvals is kept."""
    answer, decided = _decide(request, visitor, issue, day, "approve", said)
    if decided is not None and decided.state == "approved":
        answer.background = BackgroundTask(nudge, request.app.state.settings, issue, day)
    return answer


@ROUTER.post(HERE + "/hold")
def hold(request: Request, visitor: Reviewer, issue: Issue, day: date, said: Said) -> Response:
    """Keep it back until somebody says otherwise."""
    return _decide(request, visitor, issue, day, "hold", said)[0]


@ROUTER.post(HERE + "/reject")
def reject(request: Request, visitor: Reviewer, issue: Issue, day: date, said: Said) -> Response:
    """Say no to all of it; with a reason, detectors learn from it."""
    return _decide(request, visitor, issue, day, "reject", said)[0]


@ROUTER.post(HERE + "/reopen")
def reopen(request: Request, visitor: Reviewer, issue: Issue, day: date, said: Said) -> Response:
    """Take the decision back."""
    return _decide(request, visitor, issue, day, "reopen", said)[0]


@ROUTER.post(HERE + "/trim")
def trim(request: Request, visitor: Reviewer, issue: Issue, day: date, said: Said) -> Response:
    """Take out the marked customers, or all that fit the filter."""
    return _decide(request, visitor, issue, day, "trim", said)[0]


@ROUTER.post(HERE + "/restore")
def restore(request: Request, visitor: Reviewer, issue: Issue, day: date, said: Said) -> Response:
    """Put the marked customers back, or all that fit the filter."""
    return _decide(request, visitor, issue, day, "restore", said)[0]


@ROUTER.post(HERE + "/recall")
def call_back(request: Request, visitor: Approver, issue: Issue, day: date, said: Said) -> Response:
    """Take a planned cohort back before anything of it was claimed for sending."""
    try:
        recall(request.app.state.settings, issue=issue, day=day, actor=visitor.email, now=clock.now(), note=_note(said))
    except LedgerError as error:
        return _refused(request, issue, day, "It cannot be called back", str(error))
    return RedirectResponse(path_of(request, issue, day), status_code=303)


def _decide(request: Request, visitor: Visitor, issue: str, day: date, verdict: str, said: FormData) -> tuple[Response, Cohort | None]:
    """Decide in the visitor's name, and go back to the page, or say who was quicker."""
    settings: Settings = request.app.state.settings
    because = str(said.get("because", "")) or None if verdict in ("reject", "trim") else None
    try:
        flags = _flags(request, settings, issue, day, said) if verdict in ("trim", "restore") else None
        decided = decide(settings, issue=issue, day=day, verdict=verdict, actor=visitor.email, now=clock.now(), note=_note(said), trim=flags,
                         because=because, seen=_seen(said))  # fmt: skip
    except OvertakenError as error:
        return _refused(request, issue, day, "Somebody was quicker", str(error)), None
    except (LedgerError, ConfigError) as error:
        return _refused(request, issue, day, "That cannot be decided", str(error)), None
    place = "" if flags is None else f"{_filter(said)}#customers"
    return RedirectResponse(f"{path_of(request, issue, day)}{place}", status_code=303), decided


def _filter(said: FormData) -> str:
    """Return the table's filter, so that one comes back to the same view."""
    kept = {name: str(said[name]) for name in FILTER if said.get(name)}
    return f"?{urlencode(kept)}" if kept else ""


def _flags(request: Request, settings: Settings, issue: str, day: date, said: FormData) -> list[int]:
    """Return the flags that are marked, or all that fit the filter the form repeats."""
    if said.getlist("which")[-1:] == ["filter"]:  # a button of its own outweighs the choice above the table
        with sessions(settings).begin() as session:
            return table.numbers(session, cohort_of(session, issue, day), table.wish_of(request, said))
    marked = [str(each) for each in said.getlist("flag")]
    if not marked:
        raise LedgerError(f"cohort {issue} {day}: nobody is marked. Mark customers in the table, or choose all that fit the filter.")
    if not all(each.isdecimal() and len(each) < 10 for each in marked):
        raise HTTPException(422, "flag: a flag's number was expected.")
    return [int(each) for each in marked]


def _seen(said: FormData) -> int:
    seen = str(said.get("seen", ""))
    if not seen.isdecimal() or len(seen) > 9:
        raise HTTPException(422, "seen: which state of the cohort you looked at is missing. Load its page again.")
    return int(seen)


def _note(said: FormData) -> str | None:
    return str(said.get("note", "")).replace("\0", "").strip()[:2000] or None


def _refused(request: Request, issue: str, day: date, title: str, detail: str) -> Response:
    return render(request, "cohort_refused.html.j2", status=409, title=title, detail=detail, back=path_of(request, issue, day))
