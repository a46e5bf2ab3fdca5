"""Today: what we missed, what waits for a person, what stopped, what yesterday came to, and what is late."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select

from console import today_facts as facts
from console.auth import SignedIn
from console.render import render
from core import clock
from core.settings import Settings
from ledger.brakes import lifted_brakes, open_brakes
from ledger.calls import open_calls
from ledger.database import sessions
from ledger.flags import Flag
from ledger.people import may
from outreach.calls import VERDICTS
from outreach.doubts import doubtful

ROUTER = APIRouter(include_in_schema=False)
NAV = (10, "Today", "/", "viewer")
CALLS, DOUBTS = 20, 20
A_WEEK = timedelta(days=7)


@ROUTER.get("/")
def today(request: Request, visitor: SignedIn) -> Response:
    """Show the first page."""
    now = clock.now()
    with sessions(request.app.state.settings).begin() as session:
        return render(
            request, "today.html.j2", missed=facts.missed_of(session), waiting=facts.waiting(session), calls=open_calls(session, limit=CALLS),
            doubts=doubtful(session, limit=DOUBTS), n=facts.open_counts(session), brakes=open_brakes(session),
            lifted=lifted_brakes(session, since=now - A_WEEK), counted=facts.counted_of(session, now=now),
            late=facts.late_of(session, now=now), any_flag=session.scalar(select(Flag.id).limit(1)) is not None, verdicts=VERDICTS,
            may_review=may(visitor.role, "reviewer"), may_approve=may(visitor.role, "approver"),
        )  # fmt: skip


@ROUTER.get("/late")
def late(request: Request, visitor: SignedIn) -> Response:
    """Show which sources are behind, as a part of the first page; asked for only when a step is late."""
    settings: Settings = request.app.state.settings
    return render(request, "today_late.html.j2", sources=facts.late_sources(settings, now=clock.now()))
