"""Is this message really from us? By its code: date, subject and masked recipient, so that a copied code betrays a fake."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from console.customer_page import customer_page, day_in_words, masked
from console.limits import limited
from console.page_words import language_for
from core.settings import Settings
from ledger.customers import Customer
from ledger.database import sessions
from ledger.messages import Message
from outreach.genuine import find_by_code
from outreach.links import PAGES
from outreach.said import subject_of

ROUTER = APIRouter(prefix=f"{PAGES}/check", include_in_schema=False)


@ROUTER.get("", dependencies=[limited("check page", 60)])
def ask(request: Request) -> Response:
    """Show the form."""
    return customer_page(request, "public/check.html.j2", language_for(request), code="", found=None)


@ROUTER.post("", dependencies=[limited("check", 10)])
def check(request: Request, code: Annotated[str, Form(max_length=40)] = "") -> Response:
    """Show what we sent with this code, or that we sent nothing."""
    settings: Settings = request.app.state.settings
    language = language_for(request)
    with sessions(settings).begin() as session:
        found = [_shown(session, message, settings, language) for message in find_by_code(session, settings, code)]
    return customer_page(request, "public/check.html.j2", language, code=code, found=found)


def _shown(session: Session, message: Message, settings: Settings, language: str) -> dict[str, str | None]:
    customer = session.get(Customer, message.customer_id)
    return {"day": day_in_words(message, settings, language), "subject": subject_of(message, customer, settings),
            "to": masked(customer.address if customer else None)}  # fmt: skip
