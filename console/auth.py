"""Who may see and do what: roles for people, scopes for tokens, and the mark of a form that is really ours.

A route depends on `needs_role(...)`, `needs(...)` (console.tokens) or stands in console/public; there is no fourth way in.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from hmac import compare_digest
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from console.access import ROLE
from console.errors import Refused, SignInFirst
from core import clock
from core.settings import Settings
from ledger import sign_ins
from ledger.database import sessions
from ledger.people import Person, may
from ledger.sign_ins import Visitor

CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"
READS = ("GET", "HEAD", "OPTIONS")


def needs_role(role: str) -> Any:
    """Return the dependency that lets in whoever is signed in with at least this role, and gives them as a Visitor.

    What changes something must also carry the sign-in's own mark, in the field `csrf` or the header X-CSRF-Token.
    """

    async def signed_in(request: Request) -> Visitor:
        visitor = await run_in_threadpool(who, request)
        if visitor is None:
            raise SignInFirst
        if not may(visitor.role, role):
            raise Refused(f"This needs the role {role}; {visitor.email} is a {visitor.role}. An admin can change that.")
        if request.method not in READS and not await _is_marked(request, visitor.csrf):
            raise Refused("This form is too old, or not ours. Load the page again and repeat what you did.")
        request.state.visitor = visitor
        return visitor

    return Depends(_marked(signed_in, role))


def who(request: Request) -> Visitor | None:
    """Return who is signed in in this browser, or None."""
    settings: Settings = request.app.state.settings
    secret = request.cookies.get(cookie_name(settings))
    if not secret:
        return None
    with sessions(settings).begin() as session:
        return sign_ins.visitor(session, secret, now=clock.now())


def let_in(request: Request, response: Response, person: Person) -> None:
    """Sign a person in with a fresh secret; one that the browser held before ends."""
    settings: Settings = request.app.state.settings
    lasts = timedelta(hours=settings.console.sign_in_hours)
    with sessions(settings).begin() as session:
        forget(request, session)
        secret = sign_ins.begin(session, person, lasts=lasts, now=clock.now())
    response.set_cookie(cookie_name(settings), secret, max_age=int(lasts.total_seconds()), httponly=True, samesite="lax",
                        secure=settings.console.secure, path="/")  # fmt: skip


def forget(request: Request, session: Any) -> None:
    """End the sign-in of this browser, if there is one."""
    secret = request.cookies.get(cookie_name(request.app.state.settings))
    if secret:
        sign_ins.end(session, secret, now=clock.now())


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name; over HTTPS one that browsers take from this host alone."""
    return "__Host-beforehand" if settings.console.secure else "beforehand"


def from_here(request: Request) -> None:
    """Refuse a form that another site sent; for forms before anybody is signed in, which carry no mark yet.

    Browsers say so themselves (Sec-Fetch-Site; Origin where that is missing); what is no browser cannot be tricked by one.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign:
        raise Refused("This form was sent by another site. Open the page here and fill it in yourself.")


async def _is_marked(request: Request, csrf: str) -> bool:
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        form = await request.form()
        given = str(form.get(CSRF_FIELD, ""))
    return compare_digest(given.encode(), csrf.encode())


def _marked(dependency: Callable[[Request], Awaitable[Visitor]], role: str) -> Callable[[Request], Awaitable[Visitor]]:
    setattr(dependency, ROLE, role)
    return dependency


SignedIn = Annotated[Visitor, needs_role("viewer")]
