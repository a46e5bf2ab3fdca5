"""The door: sign in with a password or at an OpenID provider, choose a password by a one-time link, sign out."""

from typing import Annotated

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from console import oidc
from console.auth import SignedIn, forget, from_here, let_in, who
from console.limits import limited
from console.render import at, render
from core import clock
from core.settings import Settings
from ledger import people, sign_ins
from ledger.database import sessions
from ledger.people import Person

ROUTER = APIRouter(include_in_schema=False)
HASHER = PasswordHasher()  # the library's defaults are RFC 9106's second recommendation
NOBODY = HASHER.hash("nobody has this password")  # so that an unknown address takes as long as a wrong password
SHORTEST_PASSWORD = 12
WRONG = "Address and password do not fit."
USED = "This link was used, has expired, or is not ours. An admin can make a new one: beforehand people link."
Text = Annotated[str, Form(max_length=400)]


@ROUTER.get("/sign-in")
def ask(request: Request, to: str = "/") -> Response:
    """Show the form; somebody who is signed in goes on."""
    if who(request) is not None:
        return RedirectResponse(_ours(request, to), status_code=303)
    return _form(request, to)


@ROUTER.post("/sign-in", dependencies=[Depends(from_here), limited("sign-in", 10)])
def sign_in(request: Request, email: Text, password: Text, to: Text = "/") -> Response:
    """Sign in with a local account; what was wrong is not said."""
    person = _with_password(request, email, password)
    if person is None:
        return _form(request, to, email=email, problem=WRONG, status=401)
    return _in(request, person, to)


@ROUTER.get("/welcome/{secret}", dependencies=[limited("welcome", 20)])
def choose_password(request: Request, secret: str) -> Response:
    """Show the form in which the holder of a one-time link chooses a password."""
    with sessions(_settings(request)).begin() as session:
        person = people.whose_link(session, secret, now=clock.now())
    if person is None:
        return render(request, "problem.html.j2", status=410, title="This link no longer works", detail=USED)
    return render(request, "welcome.html.j2", person=person, problem=None, least=SHORTEST_PASSWORD)


@ROUTER.post("/welcome/{secret}", dependencies=[Depends(from_here), limited("welcome", 20)])
def chosen(request: Request, secret: str, password: Text, again: Text) -> Response:
    """Keep the password, use the link up, end older sign-ins, and sign in."""
    problem = _unfit(password, again)
    hashed = HASHER.hash(password) if problem is None else None
    with sessions(_settings(request)).begin() as session:
        now = clock.now()
        person = (people.use_link if hashed else people.whose_link)(session, secret, now=now)
        if person is not None and hashed:
            person.password_hash = hashed
            sign_ins.end_all(session, person.id, now=now)
    if person is None:
        return render(request, "problem.html.j2", status=410, title="This link no longer works", detail=USED)
    if problem:
        return render(request, "welcome.html.j2", status=422, person=person, problem=problem, least=SHORTEST_PASSWORD)
    return _in(request, person, "/")


@ROUTER.post("/sign-out")
def sign_out(request: Request, visitor: SignedIn) -> Response:
    """End this sign-in."""
    with sessions(_settings(request)).begin() as session:
        forget(request, session)
    return RedirectResponse(at(request, "/sign-in"), status_code=303)


@ROUTER.get("/sign-in/oidc", dependencies=[limited("sign-in", 10)])
async def to_provider(request: Request, to: str = "/") -> Response:
    """Send the browser to the OpenID provider."""
    request.session["to"] = _ours(request, to)
    return await oidc.leave(request)


@ROUTER.get("/sign-in/oidc/back", dependencies=[limited("sign-in", 10)])
async def from_provider(request: Request) -> Response:
    """Take what the provider says of somebody who comes back; only people an admin added are let in."""
    person, problem = await oidc.arrive(request)
    to = request.session.pop("to", "/")
    if person is None:
        return _form(request, "/", problem=problem, status=403)
    return _in(request, person, to)


def _in(request: Request, person: Person, to: str) -> Response:
    response = RedirectResponse(_ours(request, to), status_code=303)
    let_in(request, response, person)
    return response


def _with_password(request: Request, email: str, password: str) -> Person | None:
    with sessions(_settings(request)).begin() as session:
        person = people.by_email(session, email)
    fits = _verify(person.password_hash if person and person.password_hash else NOBODY, password)
    return person if fits and person and person.password_hash and person.disabled_at is None else None


def _verify(hashed: str, password: str) -> bool:
    try:
        return HASHER.verify(hashed, password)
    except VerificationError:
        return False


def _unfit(password: str, again: str) -> str | None:
    if len(password) < SHORTEST_PASSWORD:
        return f"At least {SHORTEST_PASSWORD} characters, please: a few words in a row do well."
    return None if password == again else "The two are not the same."


def _form(request: Request, to: str, *, email: str = "", problem: str | None = None, status: int = 200) -> Response:
    provider = _settings(request).console.oidc
    return render(request, "sign_in.html.j2", status=status, to=_ours(request, to), email=email, problem=problem,
                  provider=provider.name if provider else None)  # fmt: skip


def _ours(request: Request, to: str) -> str:
    """Return a path of this console to go on to; an address elsewhere becomes the first page."""
    start = at(request, "/")
    within = to.startswith(start) and not to.startswith("//") and "\\" not in to and "://" not in to.partition("?")[0]
    return to if within and not to.startswith(at(request, "/sign-in")) else start


def _settings(request: Request) -> Settings:
    return request.app.state.settings
