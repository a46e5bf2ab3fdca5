"""The survey: one question, and room for words. Sending it again changes the answer.

A playbook's own survey asks on a scale of five how our message helped; a random sample's asks its question on its own scale.
"""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException
from fastapi.responses import Response

from console.customer_page import LIMITED, Reader, reader_of
from core import clock
from ledger.survey_answers import SCORES
from ledger.surveys import SCALES
from outreach import wishes
from outreach.links import PAGES
from outreach.survey_words import FRAMES, question

ROUTER = APIRouter(prefix=f"{PAGES}/survey", include_in_schema=False, dependencies=LIMITED)
Holder = Annotated[Reader, reader_of("survey")]
WIDEST = (0, 10)


@ROUTER.get("/{token}")
def ask(reader: Holder) -> Response:
    """Show the question."""
    sampled, company = reader.sampled(), reader.settings.company.name
    title, asked = reader.words.survey_title, reader.words.survey_ask.format(day=reader.day)
    if sampled:
        title, asked = FRAMES[reader.language][0].replace("{{ company }}", company), question(sampled.kind, reader.language, company)
    return reader.page("public/survey.html.j2", scores=_scores(reader), title=title, asked=asked)


@ROUTER.post("/{token}")
def fill_in(
    reader: Holder, score: Annotated[int, Form(ge=WIDEST[0], le=WIDEST[1])],
    text: Annotated[str, Form(max_length=wishes.TEXT_AT_MOST)] = "",
) -> Response:  # fmt: skip
    """Keep the answer."""
    if score not in _scores(reader):
        raise HTTPException(422)
    wishes.fill_in_survey(reader.session, reader.message, score=score, text=text, now=clock.now())
    return reader.page("public/thanks.html.j2", title=reader.words.survey_thanks, said=reader.words.survey_thanks_text)


def _scores(reader: Reader) -> tuple[int, ...]:
    sampled = reader.sampled()
    if sampled is None:
        return SCORES
    low, high = SCALES[sampled.kind]
    return tuple(range(low, high + 1))
