"""Stop: a GET shows what would be stopped, a POST stops it, the one-click POST of RFC 8058 too: no cookie, no redirect."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console.customer_page import LIMITED, Reader, reader_of
from core import clock
from outreach import wishes
from outreach.links import PAGES

ROUTER = APIRouter(prefix=f"{PAGES}/stop", include_in_schema=False, dependencies=LIMITED)
Holder = Annotated[Reader, reader_of("stop")]


@ROUTER.get("/{token}")
def ask(reader: Holder) -> Response:
    """Ask; programs that follow links change nothing."""
    return reader.page("public/stop.html.j2", topic=reader.topic()[1])


@ROUTER.post("/{token}")
def stop(reader: Holder, everything: Annotated[str | None, Form()] = None) -> Response:
    """Stop the topic of the message, or everything; saying it twice is saying it once."""
    topic, named = reader.topic()
    wishes.stop(reader.session, reader.message, topic="all" if everything else topic, now=clock.now())
    return reader.page("public/stopped.html.j2", topic=named, everything=bool(everything))
