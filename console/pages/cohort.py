"""Cohort: one issue's flags of one day. What a person must know, the message as it will be seen, and the decision.

Nothing here tells an arm while anybody can still trim; a decision counts only if nobody decided after the page was read.
"""

from datetime import date
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from console import cohort_facts as facts
from console import cohort_table as table
from console.airflow import address_of
from console.auth import SignedIn
from console.exports import exported, wanted
from console.nudge import last_nudge
from console.render import at, render
from core import clock
from core.settings import Settings
from ledger.cohorts import Cohort
from ledger.database import sessions
from ledger.labels import LABELS, labels_of
from ledger.people import may
from outreach.review import DID
from outreach.sample import sample_letter

ROUTER = APIRouter(include_in_schema=False)
Issue = Annotated[str, Path(max_length=100, pattern=r"^[\w-]+$")]
HERE = "/cohorts/{issue}/{day}"


@ROUTER.get(HERE)
def cohort(request: Request, visitor: SignedIn, issue: Issue, day: date) -> Response:
    """Show one cohort: what it is, what would be said, who is in it, and what was decided."""
    settings: Settings = request.app.state.settings
    wish = table.wish_of(request)
    with sessions(settings).begin() as session:
        found = found_cohort(session, issue, day)
        if kind := wanted(request):
            return exported(_told(session, found, wish), f"cohort-{issue}-{day}", kind)
        page, after = table.rows(session, found, wish)
        reasons, traits = table.facets(session, found)
        about = _about(session, settings, found) | {"labels": labels_of(session, [row.id for row in page])}
        return render(request, "cohort.html.j2", cohort=found, rows=page, after=after, wish=wish, fitting=table.count(session, found, wish),
                      reasons=reasons, traits=traits, did=DID, out=set(found.trimmed), because=LABELS, here_path=path_of(request, issue, day),
                      may_review=may(visitor.role, "reviewer"), may_approve=may(visitor.role, "approver"),
                      taken_up=_taken_up(settings, found), **about)  # fmt: skip


@ROUTER.get(HERE + "/message/{language}")
def message(request: Request, visitor: SignedIn, issue: Issue, day: date, language: str) -> Response:
    """Show the letter as a customer will see it, for a frame that may run and load nothing."""
    settings: Settings = request.app.state.settings
    playbook = facts.playbook_of(settings, issue)
    if playbook is None or language not in playbook.message:
        raise HTTPException(404, f"{issue}: its playbook has no words in {language!r}.")
    letter = sample_letter(settings, playbook.spoken("notice", done=True), now=clock.now(), language=language)
    logo = urlsplit(settings.company.logo or "")
    pictures = f"data: {logo.scheme}://{logo.netloc}" if logo.netloc else "data:"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src {pictures}; frame-ancestors 'self'; sandbox"
    return HTMLResponse(letter.html, headers={"content-security-policy": policy})


@ROUTER.get(HERE + "/taken-up")
def taken_up(request: Request, visitor: SignedIn, issue: Issue, day: date) -> Response:
    """Show whether an approved cohort was taken up, as a part of its page."""
    settings: Settings = request.app.state.settings
    with sessions(settings).begin() as session:
        found = found_cohort(session, issue, day)
        return render(request, "cohort_taken_up.html.j2", cohort=found, taken_up=_taken_up(settings, found),
                      here_path=path_of(request, issue, day))  # fmt: skip


def found_cohort(session: Session, issue: str, day: date) -> Cohort:
    """Return a cohort, or a 404 that says why there may be none."""
    found = session.get(Cohort, (issue, day))
    if found is None:
        raise HTTPException(404, f"There is no cohort of {issue.replace('_', ' ')} on {day}. Nobody was flagged, or the day is not done yet.")
    return found


def _about(session: Session, settings: Settings, found: Cohort) -> dict[str, Any]:
    """Return what the page says above the table."""
    problem = facts.problem_of(settings, found.issue)
    playbook = None if problem else facts.playbook_of(settings, found.issue)
    issue = facts.issue_of(settings, found.issue)
    size, expected = facts.size_of(session, settings, found), facts.expected_of(session, found)
    return {
        "issue": issue, "playbook": playbook, "problem": problem, "size": size, "expected": expected,
        "languages": facts.languages_of(playbook, settings), "worth": facts.worth_of(issue, size, expected), "line": settings.review.four_eyes_above,
        "proof": facts.proof_of(session, settings, playbook, found, now=clock.now()) if playbook else None,
        "became": facts.became_of(session, found), "trail": facts.trail(session, found),
        "brakes": facts.stands_in_the_way(session, settings, found), "recallable": facts.can_be_recalled(session, found),
    }  # fmt: skip


def _told(session: Session, found: Cohort, wish: table.Wish) -> list[dict[str, Any]]:
    """Return every row that fits, for a file."""
    whole, _ = table.rows(session, found, wish, limit=None)
    out = set(found.trimmed)
    return [{"flag": row.id, "customer_id": row.customer_id, "probability": row.probability, "days_until": row.days_until,
             "reasons": "; ".join(row.reasons), "state": row.state, "taken_out": row.id in out,
             **({"message": row.message} if found.planned_at else {})} for row in whole]  # fmt: skip


def _taken_up(settings: Settings, found: Cohort) -> dict[str, Any] | None:
    """Return what is known of how an approved cohort is taken up: whether Airflow is told, and what it said."""
    if found.state != "approved" or found.planned_at is not None:
        return None
    newest = last_nudge(settings, found.issue, found.day) if address_of(settings) else None
    fresh = newest if newest and found.decided_at and newest["at"] >= found.decided_at else None
    return {"told": address_of(settings) is not None, "nudge": fresh}


def path_of(request: Request, issue: str, day: date) -> str:
    """Return the address of a cohort's page."""
    return at(request, f"/cohorts/{issue}/{day}")
