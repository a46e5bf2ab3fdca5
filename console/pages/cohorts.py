"""Cohorts: every issue's flags day by day, what was decided about them, and which still wait."""

from datetime import date
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from console.auth import SignedIn
from console.exports import exported, wanted
from console.render import render
from ledger.cohorts import Cohort
from ledger.database import sessions

ROUTER = APIRouter(include_in_schema=False)
NAV = (20, "Cohorts", "/cohorts", "viewer")
PAGE = 100
STATES = ("waiting", "held", "approved", "rejected", "replay")
COLUMNS = ("issue", "day", "size", "expected_precision", "expected_worth", "state", "decided_by", "decided_at", "note", "planned_at")


@ROUTER.get("/cohorts")
def cohorts(
    request: Request, visitor: SignedIn, issue: str = "", state: str = "", since: str = "", until: str = "", after: str = "",
) -> Response:  # fmt: skip
    """Show cohorts, the newest first, of one issue, state or stretch of days where that is asked."""
    asked = [*_state(state), *_days(since, until), *([Cohort.issue == issue] if issue and "\0" not in issue else [])]
    order = select(Cohort).where(*asked).order_by(Cohort.day.desc(), Cohort.issue)
    with sessions(request.app.state.settings).begin() as session:
        if kind := wanted(request):
            return exported([_row(each) for each in session.scalars(order)], "cohorts", kind)
        page = list(session.scalars(order.where(*_after(after)).limit(PAGE + 1)))
        issues = _issues(session)
        more = f"{page[PAGE - 1].day}~{page[PAGE - 1].issue}" if len(page) > PAGE else None
        return render(request, "cohorts.html.j2", cohorts=page[:PAGE], after=more, issues=issues, states=STATES,
                      asked={"issue": issue, "state": state, "since": since, "until": until})  # fmt: skip


def _issues(session: Session) -> list[str]:
    """Return the issues that ever had a cohort."""
    return list(session.scalars(select(Cohort.issue).distinct().order_by(Cohort.issue)))


def _row(cohort: Cohort) -> dict[str, Any]:
    told = {name: getattr(cohort, name) for name in COLUMNS}
    return told | {"taken_out": len(cohort.trimmed), "replay": cohort.replay}


def _state(state: str) -> list[ColumnElement[bool]]:
    if state not in ("", *STATES):
        raise HTTPException(422, f"state: one of {', '.join(STATES)}, got {state!r}.")
    if state in ("", "replay"):
        return [Cohort.replay.is_(True)] if state else []
    return [Cohort.state == state, ~Cohort.replay]


def _days(since: str, until: str) -> list[ColumnElement[bool]]:
    first, last = _day("since", since), _day("until", until)
    return [*([Cohort.day >= first] if first else []), *([Cohort.day <= last] if last else [])]


def _day(name: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise HTTPException(422, f"{name}: a day such as 2026-03-31, got {text!r}.") from error


def _after(after: str) -> list[ColumnElement[bool]]:
    day, _, issue = after.replace("\0", "").partition("~")
    last = _day("after", day)
    return [or_(Cohort.day < last, and_(Cohort.day == last, Cohort.issue > issue))] if last else []
