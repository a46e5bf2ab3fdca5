"""Admin: who may do what, the switch that stops everything, the limits, and the keys of other systems."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Path, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from console import people
from console.admin_facts import limits
from console.auth import needs_role
from console.exports import exported, wanted
from console.render import at, render
from core import clock
from core.settings import Settings
from ledger import api_tokens, brakes
from ledger.acts import Act
from ledger.api_tokens import ApiToken
from ledger.database import sessions
from ledger.people import LINK_LASTS, ROLES, Person
from ledger.sign_ins import Visitor
from outreach import kill_switch
from outreach.modes import check_approver

ROUTER = APIRouter(include_in_schema=False)
NAV = (90, "Admin", "/admin", "admin")
Admin = Annotated[Visitor, needs_role("admin")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Line = Annotated[str, Form(max_length=200)]
Note = Annotated[str, Form(max_length=2000)]


@ROUTER.get("/admin")
def admin(request: Request, visitor: Admin) -> Response:
    """Show the switch, the people, the keys and the limits."""
    settings: Settings = request.app.state.settings
    with sessions(settings).begin() as session:
        everybody = session.scalars(select(Person).order_by(Person.disabled_at.is_not(None), Person.email)).all()
        known: dict[str, Any] = {
            "people": everybody, "tokens": session.scalars(select(ApiToken).order_by(ApiToken.revoked_at.is_not(None), ApiToken.name)).all(),
            "brakes": brakes.open_brakes(session), "paused": kill_switch.is_paused(session, settings),
        }  # fmt: skip
    if kind := wanted(request):
        return exported([{"address": p.email, "name": p.name, "role": p.role, "since": p.created_at, "disabled_at": p.disabled_at}
                         for p in everybody], "people", kind)  # fmt: skip
    return render(request, "admin.html.j2", **known, roles=ROLES, scopes=api_tokens.SCOPES, limits=limits(settings), now=clock.now(),
                  by_settings=settings.outreach.paused, file=settings.folder / "settings.toml")  # fmt: skip


@ROUTER.post("/admin/pause")
def pause(request: Request, visitor: Admin, note: Note) -> Response:
    """Stop all planning, acting and sending at once."""
    with sessions(request.app.state.settings).begin() as session:
        kill_switch.pause(session, actor=visitor.email, note=_said(note), now=clock.now())
    return _back(request, "switch")


@ROUTER.post("/admin/resume")
def resume(request: Request, visitor: Admin, note: Note) -> Response:
    """Let planning and sending go on."""
    with sessions(request.app.state.settings).begin() as session:
        kill_switch.resume(session, actor=visitor.email, note=_said(note), now=clock.now())
    return _back(request, "switch")


@ROUTER.post("/admin/brakes/{brake_id}/lift")
def lift(request: Request, visitor: Admin, brake_id: Number, note: Note) -> Response:
    """Let one brake go."""
    settings: Settings = request.app.state.settings
    check_approver(f"brake {brake_id}", visitor.email, settings)
    with sessions(settings).begin() as session:
        if not brakes.lift(session, brake_id, by=visitor.email, now=clock.now()):
            raise HTTPException(409, "This brake is not on any more: somebody else let it go.")
        _trail(session, visitor, "lift", f"brake {brake_id}", note=_said(note))
    return _back(request, "switch")


@ROUTER.post("/admin/people")
def add_person(request: Request, visitor: Admin, email: Line, role: Line, name: Line = "") -> Response:
    """Let somebody in; the link with which they choose a password is shown this once."""
    settings: Settings = request.app.state.settings
    if "@" not in email.strip().strip("@") or role not in ROLES:
        raise HTTPException(422, f"An e-mail address and a role are needed, got {email!r} and {role!r}. Roles: {', '.join(ROLES)}.")
    with sessions(settings).begin() as session:
        person = people.add(session, email=email, name=name, role=role, by=visitor.email, now=clock.now())
        link = people.link(session, settings, person, by=visitor.email, now=clock.now())
    return _link_page(request, person, link)


@ROUTER.post("/admin/people/{person_id}/link")
def make_link(request: Request, visitor: Admin, person_id: Number) -> Response:
    """Make a new one-time link for somebody; older ones stop working."""
    settings: Settings = request.app.state.settings
    with sessions(settings).begin() as session:
        person = _person(session, person_id)
        link = people.link(session, settings, person, by=visitor.email, now=clock.now())
    return _link_page(request, person, link)


@ROUTER.post("/admin/people/{person_id}/role")
def change_role(request: Request, visitor: Admin, person_id: Number, role: Line) -> Response:
    """Change what somebody may do; they sign in anew."""
    if role not in ROLES:
        raise HTTPException(422, f"There is no role {role!r}. Known: {', '.join(ROLES)}.")
    with sessions(request.app.state.settings).begin() as session:
        people.change_role(session, _person(session, person_id), role, by=visitor.email, now=clock.now())
    return _back(request, "people")


@ROUTER.post("/admin/people/{person_id}/disable")
def disable(request: Request, visitor: Admin, person_id: Number) -> Response:
    """Keep somebody out and sign them out everywhere."""
    with sessions(request.app.state.settings).begin() as session:
        people.disable(session, _person(session, person_id), by=visitor.email, now=clock.now())
    return _back(request, "people")


@ROUTER.post("/admin/tokens")
def make_token(
    request: Request, visitor: Admin, name: Line, scope: Annotated[list[str], Form()], days: Annotated[str, Form(max_length=5)] = ""
) -> Response:  # fmt: skip
    """Make a key for another system, shown this once."""
    if not name.strip() or set(scope) - set(api_tokens.SCOPES) or (days and not (days.isdecimal() and int(days))):
        raise HTTPException(422, f"A name, what it is for ({', '.join(api_tokens.SCOPES)}) and a number of days, or none, are needed.")
    with sessions(request.app.state.settings).begin() as session:
        secret = api_tokens.make_token(session, name=name.strip(), scopes=scope, by=visitor.email, now=clock.now(),
                                       lasts=timedelta(days=int(days)) if days else None)  # fmt: skip
        _trail(session, visitor, "tokens make", f"token {name.strip()}", scopes=scope, days=int(days) if days else None)
    return render(request, "secret.html.j2", title=f"The key of {name.strip()}", secret=secret, anchor="keys",
                  detail=f"For {', '.join(scope)}. The other system sends it as “Authorization: Bearer …”.")  # fmt: skip


@ROUTER.post("/admin/tokens/{token_id}/revoke")
def revoke_token(request: Request, visitor: Admin, token_id: Number) -> Response:
    """End a key; it lets nobody in any more."""
    with sessions(request.app.state.settings).begin() as session:
        token = session.get(ApiToken, token_id)
        if token is None:
            raise HTTPException(404)
        api_tokens.revoke(session, token.name, now=clock.now())
        _trail(session, visitor, "tokens revoke", f"token {token.name}")
    return _back(request, "keys")


def _person(session: Session, person_id: int) -> Person:
    person = session.get(Person, person_id)
    if person is None:
        raise HTTPException(404)
    return person


def _link_page(request: Request, person: Person, link: str) -> Response:
    hours = int(LINK_LASTS.total_seconds() // 3600)
    return render(request, "secret.html.j2", title=f"A link for {person.name}", secret=link, anchor="people",
                  detail=f"{person.email} chooses a password with it, once, within {hours} hours. Send it to them in a way that nobody else reads.")  # fmt: skip


def _said(note: str) -> str:
    if not note.strip():
        raise HTTPException(422, "Say in a few words why: the note stands in the audit trail.")
    return note.strip()


def _trail(session: Session, visitor: Visitor, act: str, subject: str, **detail: Any) -> None:
    session.add(Act(actor=visitor.email, act=act, subject=subject, detail=detail, at=clock.now()))


def _back(request: Request, anchor: str) -> Response:
    return RedirectResponse(at(request, f"/admin#{anchor}"), status_code=303)
