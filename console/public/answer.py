"""Answers with one click: do it for me, call me, this was wrong, solved already, not my problem. A GET asks, a POST says it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import Response

from console.customer_page import LIMITED, Reader, masked_phone, reader_of
from core import clock
from outreach import wishes
from outreach.frame import FRAMES
from outreach.links import PAGES

ROUTER = APIRouter(prefix=f"{PAGES}/answer", include_in_schema=False, dependencies=LIMITED)
Holder = Annotated[Reader, reader_of("answer")]
Answer = Literal["do_it", "call_me", "wrong", "solved", "not_mine"]


@ROUTER.get("/{token}")
def choose(reader: Holder) -> Response:
    """Show all answers."""
    return reader.page("public/answers.html.j2", choices=[(name, getattr(FRAMES[reader.language], name)) for name in wishes.ANSWERS])


@ROUTER.get("/{token}/{answer}")
def ask(reader: Holder, answer: Answer) -> Response:
    """Ask whether this is what the customer means; whatever follows links for them says nothing."""
    return reader.page("public/answer.html.j2", said=getattr(FRAMES[reader.language], answer))


@ROUTER.post("/{token}/{answer}")
def say(reader: Holder, answer: Answer) -> Response:
    """Take the answer, and say what happens now."""
    told: dict[str, Any] = {"settings": reader.settings, "now": clock.now()}
    wishes.answer(reader.session, reader.message, answer, **told)
    promise = getattr(reader.words, f"answer_{answer}")
    if answer == "call_me" and reader.customer and reader.customer.phone:
        promise = reader.words.answer_call_me_at.format(phone=masked_phone(reader.customer.phone))
    if answer == "wrong" and wishes.made_good(reader.session, reader.message, **told):
        promise = reader.words.answer_wrong_granted
    return reader.page("public/thanks.html.j2", title=reader.words.answered_title, said=promise)
