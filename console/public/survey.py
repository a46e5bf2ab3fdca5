"""The survey: one question on a scale of five, and room for words. Sending it again changes the answer."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console.customer_page import LIMITED, Reader, reader_of
from core import clock
from ledger.survey_answers import SCORES
from outreach import wishes
from outreach.links import PAGES

ROUTER = APIRouter(prefix=f"{PAGES}/survey", include_in_schema=False, dependencies=LIMITED)
Holder = Annotated[Reader, reader_of("survey")]


@ROUTER.get("/{token}")
def ask(reader: Holder) -> Response:
    """Show the question."""
    return reader.page("public/survey.html.j2", scores=SCORES)


@ROUTER.post("/{token}")
def fill_in(
    reader: Holder, score: Annotated[int, Form(ge=SCORES[0], le=SCORES[-1])],
    text: Annotated[str, Form(max_length=wishes.TEXT_AT_MOST)] = "",
) -> Response:  # fmt: skip
    """Keep the answer."""
    wishes.fill_in_survey(reader.session, reader.message, score=score, text=text, now=clock.now())
    return reader.page("public/thanks.html.j2", title=reader.words.survey_thanks, said=reader.words.survey_thanks_text)
