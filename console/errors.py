"""What people and programs see when something does not work: the reason in plain words, and the way on."""

import logging
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException as StarletteHTTPException

from console.customer_page import LinkClosed, customer_page, link_closed
from console.page_words import language_for, page_words
from console.problems import problem_of
from console.render import at, render
from core.errors import BeforehandError, ConfigError, LedgerError
from outreach.links import PAGES

LOG = logging.getLogger(__name__)

UNSTORABLE = "What was sent holds a character or a number that cannot be kept. Write it again by hand."
TITLES = {403: "Not for you, or not now", 404: "There is nothing here", 405: "There is nothing here",
          410: "This link no longer works", 429: "Too many tries"}  # fmt: skip


class SignInFirst(Exception):  # noqa: N818
    """Nobody is signed in in this browser."""


class Refused(HTTPException):
    """A person is signed in and may not do this."""

    def __init__(self, reason: str) -> None:
        """Say why."""
        super().__init__(403, reason)


def install(app: FastAPI) -> None:
    """Let the application answer its errors in our words."""
    app.add_exception_handler(SignInFirst, _sign_in_first)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(BeforehandError, _known)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(LinkClosed, link_closed)


async def _sign_in_first(request: Request, error: Exception) -> Response:
    if "hx-request" in request.headers:  # a fragment cannot show a sign-in form: the whole page goes there
        return Response(status_code=401, headers={"HX-Redirect": at(request, "/sign-in")})
    if request.method != "GET":
        return _page(request, 401, "Sign in first", "Your sign-in has ended. Nothing was changed.")
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(at(request, f"/sign-in?to={quote(here)}"), status_code=303)


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, StarletteHTTPException):
        raise error
    if _for_programs(request):
        return JSONResponse({"detail": str(error.detail), "fields": []}, error.status_code, headers=error.headers)
    if _for_customers(request):
        return _to_customer(request, error.status_code, headers=dict(error.headers or {}))
    title = TITLES.get(error.status_code, "That did not work")
    detail = "Check the address, or start from the first page." if error.detail == "Not Found" else str(error.detail)
    return _page(request, error.status_code, title, detail, headers=dict(error.headers or {}))


async def _unreadable(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    if _for_programs(request):
        return JSONResponse(problem_of(error.errors()).model_dump(), 422)
    if _for_customers(request):
        return _to_customer(request, 422)
    first = error.errors()[0]
    return _page(request, 422, "That did not work", f"{first['loc'][-1]}: {first['msg']}, got {first.get('input')!r}.")


async def _unstorable(request: Request, error: Exception) -> Response:
    """Say that what was sent cannot be kept: a NUL within a text, a number out of bounds."""
    LOG.warning("%s %s: the ledger cannot keep it: %s", request.method, request.url.path, getattr(error, "orig", error))
    if _for_programs(request):
        return JSONResponse({"detail": UNSTORABLE, "fields": []}, 422)
    if _for_customers(request):
        return _to_customer(request, 422)
    return _page(request, 422, "That did not work", UNSTORABLE)


async def _known(request: Request, error: Exception) -> Response:
    status = 409 if isinstance(error, LedgerError) else 503
    if _for_programs(request):
        return JSONResponse({"detail": str(error), "fields": []}, status)
    if _for_customers(request):  # what is wrong in our house is for our own log
        LOG.error("a customer's page failed: %s", error)
        return _to_customer(request, 503)
    title = "The configuration needs mending" if isinstance(error, ConfigError) else "That did not work"
    return _page(request, status, title, str(error))


def _page(request: Request, status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    return render(request, "problem.html.j2", status=status, headers=headers, title=title, detail=detail)


def _to_customer(request: Request, status: int, headers: dict[str, str] | None = None) -> Response:
    language = language_for(request)
    words = page_words()[language]
    if status in (404, 405):
        return customer_page(request, "public/closed.html.j2", language, status=status)
    said = words.limited if status == 429 else words.problem
    page = customer_page(request, "public/problem.html.j2", language, status=status, said=said)
    page.headers.update(headers or {})
    return page


def _for_customers(request: Request) -> bool:
    return request.url.path.removeprefix(request.scope.get("root_path", "")).startswith(PAGES)


def _for_programs(request: Request) -> bool:
    within = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return within.startswith(("/api/", "/webhooks/"))
