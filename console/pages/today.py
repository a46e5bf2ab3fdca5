"""Today: the first page. What waits for a person, or that nothing does and what will appear."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import func, select

from console.auth import SignedIn
from console.render import render
from ledger.cohorts import Cohort
from ledger.database import sessions
from ledger.flags import Flag
from ledger.messages import Message, State

ROUTER = APIRouter(include_in_schema=False)
NAV = (10, "Today", "/", "viewer")
AT_MOST = 50


@ROUTER.get("/")
def today(request: Request, visitor: SignedIn) -> Response:
    """Show the cohorts that wait, newest first, and how many messages are in doubt."""
    waits = select(Cohort).where(Cohort.state.in_(("waiting", "held")), ~Cohort.replay)
    with sessions(request.app.state.settings).begin() as session:
        cohorts = session.scalars(waits.order_by(Cohort.day.desc(), Cohort.issue).limit(AT_MOST)).all()
        doubts = session.scalar(select(func.count()).select_from(Message).where(Message.state == State.UNCERTAIN))
        any_flag = session.scalar(select(Flag.id).limit(1)) is not None
    return render(request, "today.html.j2", cohorts=cohorts, doubts=doubts, any_flag=any_flag)
