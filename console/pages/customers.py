"""Customers: find one by what they say on the telephone. What was asked for stands in no address, so that no log keeps it."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select

from console.auth import SignedIn
from console.personal import details
from console.render import at, render
from ledger.customers import Customer
from ledger.database import sessions
from outreach.find import AT_MOST, find

ROUTER = APIRouter(include_in_schema=False)
NAV = (30, "Customers", "/customers", "viewer")
Asked = Annotated[str, Form(max_length=200)]


@ROUTER.get("/customers")
def ask(request: Request, visitor: SignedIn) -> Response:
    """Show the search box."""
    return render(request, "customers.html.j2", asked=None, found=[], at_most=AT_MOST)


@ROUTER.post("/customers")
def search(request: Request, visitor: SignedIn, asked: Asked = "") -> Response:
    """Go to the one customer that is meant, or list those who may be."""
    settings = request.app.state.settings
    with sessions(settings).begin() as session:
        found = find(session, settings, asked)
        if len(found) == 1:
            return RedirectResponse(at(request, f"/customers/{quote(found[0].customer_id)}"), status_code=303)
        known = {row.customer_id: row for row in session.scalars(
            select(Customer).where(Customer.customer_id.in_([each.customer_id for each in found])))}  # fmt: skip
        rows = [(each, details(known.get(each.customer_id), visitor.role)) for each in found]
    return render(request, "customers.html.j2", status=200 if found else 404, asked=asked, found=rows, at_most=AT_MOST)
