"""Why did I get this? What we looked at, what we said, and what the customer can do about it."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response

from console.customer_page import LIMITED, Reader, reader_of
from outreach.links import PAGES
from outreach.said import what_happened
from outreach.survey_words import FRAMES

ROUTER = APIRouter(prefix=f"{PAGES}/why", include_in_schema=False, dependencies=LIMITED)


@ROUTER.get("/{token}")
def why(reader: Annotated[Reader, reader_of("why")]) -> Response:
    """Explain one message to whom it was sent."""
    sampled = reader.sampled()
    how = FRAMES[reader.language][2] if sampled else reader.words.why_how  # whoever was asked by lot may have been told of no trouble
    return reader.page("public/why.html.j2", topic=reader.topic()[1], how=how,
                       told=[] if sampled else what_happened(reader.message, reader.customer, reader.settings))  # fmt: skip
