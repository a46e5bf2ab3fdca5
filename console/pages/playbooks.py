"""Issues and playbooks: how far each goes and on what evidence, what it says and does, which versions ran, and what has no remedy."""

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console import letters
from console import playbook_facts as facts
from console.auth import SignedIn, needs_role
from console.exports import exported, wanted
from console.render import at, render
from core import clock
from core.errors import unknown_name
from core.settings import Settings
from ledger.cohorts import Cohort
from ledger.database import sessions
from ledger.sign_ins import Visitor
from outreach.evidence import evidence
from outreach.modes import set_mode
from outreach.playbook import Playbook, load_playbooks
from outreach.shadow import HAPPENED

ROUTER = APIRouter(include_in_schema=False)
NAV = (50, "Playbooks", "/playbooks", "viewer")
EVIDENCE_DAYS = timedelta(days=91)
Approver = Annotated[Visitor, needs_role("approver")]


@ROUTER.get("/playbooks")
def playbooks(request: Request, visitor: SignedIn) -> Response:
    """List the issues with what is done about each, and what is flagged often and has no remedy."""
    settings: Settings = request.app.state.settings
    with sessions(settings).begin() as session:
        found, unwatched = facts.standings(session, settings), facts.unwatched(session)
    if kind := wanted(request):
        rows = [{"issue": s.issue, "file_says": s.stated, "approved": s.approved, "runs_as": s.runs, "flags_28d": s.flags_lately,
                 "missing": s.gap, "stopped_by": "; ".join(s.stopped)} for s in found]  # fmt: skip
        return exported(rows, "playbooks", kind)
    return render(request, "playbooks.html.j2", standings=found, gaps=facts.gaps(found), unwatched=unwatched)


@ROUTER.get("/playbooks/{issue}")
def playbook(request: Request, visitor: SignedIn, issue: str) -> Response:
    """Show one playbook: its mode with the evidence, what it does and says, its versions and what it promised."""
    settings: Settings = request.app.state.settings
    with sessions(settings).begin() as session:
        standing = _standing(session, settings, issue)
        since = _since(session, issue)
        counted_at, told = request.app.state.lately.counted(("evidence", issue, since), lambda: evidence(session, issue, since=since), now=clock.now())
        known: dict[str, Any] = {
            "standing": standing, "ladder": facts.ladder(standing), "evidence": told, "since": since, "counted_at": counted_at,
            "steps": facts.steps_taken(session, issue), "versions": facts.versions(session, issue), "measures": facts.measures(session, issue),
            "rehearsed": facts.rehearsed(session, issue, limit=5), "happened": HAPPENED,
        }  # fmt: skip
    return render(request, "playbook.html.j2", playbook=standing.playbook, may_change=visitor.role in ("approver", "admin"),
                  letters=list(letters.shown(standing.playbook)) if standing.playbook else [],
                  findings=letters.findings(settings, standing.playbook) if standing.playbook else [], **known)  # fmt: skip


@ROUTER.get("/playbooks/{issue}/shadow")
def shadow(request: Request, visitor: SignedIn, issue: str, became: str = "", after: str = "") -> Response:
    """List whom we would have told and what then happened, the newest first."""
    settings, key = request.app.state.settings, _key(after)
    if became and became not in HAPPENED:
        raise HTTPException(404, unknown_name("shadow", "end", became, HAPPENED))
    kind = wanted(request)
    with sessions(settings).begin() as session:
        _standing(session, settings, issue)
        rows = facts.rehearsed(session, issue, became=became, before=key, limit=None if kind else facts.SHOWN + 1)
    if kind:
        return exported([{**row._mapping, "reasons": "; ".join(row.reasons)} for row in rows], f"shadow-{issue}", kind)
    last = rows[facts.SHOWN - 1] if len(rows) > facts.SHOWN else None
    return render(request, "shadow.html.j2", issue=issue, rows=rows[: facts.SHOWN], became=became, happened=HAPPENED,
                  after=f"{last.day}_{last.id}" if last else None)  # fmt: skip


@ROUTER.get("/playbooks/{issue}/letter/{kind}/{language}")
def letter(request: Request, visitor: SignedIn, issue: str, kind: str, language: str) -> Response:
    """Show a letter as a customer would see it, to be framed."""
    settings: Settings = request.app.state.settings
    found = _playbook(settings, issue)
    if not any((each.kind, each.language) == (kind, language) for each in letters.shown(found)):
        raise HTTPException(404, f"{issue} says nothing of the kind {kind!r} in {language!r}.")
    return letters.letter(settings, found, kind, language, now=clock.now())


@ROUTER.post("/playbooks/{issue}/mode")
def change_mode(
    request: Request, visitor: Approver, issue: str, mode: Annotated[str, Form()], note: Annotated[str, Form(max_length=2000)]
) -> Response:  # fmt: skip
    """Let a playbook go further, or take it back, with what was to be seen at that moment and the approver's note."""
    settings: Settings = request.app.state.settings
    found = _playbook(settings, issue)
    if not note.strip():
        raise HTTPException(422, "Say in a few words why: the note stands in the audit trail beside the evidence.")
    with sessions(settings).begin() as session:
        set_mode(session, found, mode, by=visitor.email, evidence=evidence(session, issue), now=clock.now(), settings=settings,
                 note=note.strip())  # fmt: skip
    return RedirectResponse(at(request, f"/playbooks/{issue}#mode"), status_code=303)


def _standing(session: Session, settings: Settings, issue: str) -> facts.Standing:
    found = {each.issue: each for each in facts.standings(session, settings)}
    if issue not in found:
        raise HTTPException(404, unknown_name("playbooks", "issue", issue, found))
    return found[issue]


def _playbook(settings: Settings, issue: str) -> Playbook:
    found = load_playbooks(settings)
    if issue not in found:
        raise HTTPException(404, unknown_name("playbooks", "playbook", issue, found))
    return found[issue]


def _since(session: Session, issue: str) -> date:
    """Return the day from which cohorts count as evidence on the page: a quarter of a year back from the newest."""
    newest = session.scalar(select(func.max(Cohort.day)).where(Cohort.issue == issue))
    return newest - EVIDENCE_DAYS if newest else date.min


def _key(after: str) -> tuple[date, int] | None:
    day, _, number = after.partition("_")
    try:
        return (date.fromisoformat(day), int(number)) if after else None
    except ValueError:
        raise HTTPException(404, f"after: no place in the list, got {after!r}. Start from the first page.") from None
