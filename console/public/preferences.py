"""Preferences: about which topics, and by which channel, a customer wants to hear from us."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console.customer_page import LIMITED, Reader, reader_of
from core import clock
from ledger.preferences import CHANNELS
from outreach import wishes
from outreach.links import PAGES
from outreach.playbook import load_playbooks

ROUTER = APIRouter(prefix=f"{PAGES}/preferences", include_in_schema=False, dependencies=LIMITED)
Holder = Annotated[Reader, reader_of("preferences")]


@ROUTER.get("/{token}")
def show(reader: Holder) -> Response:
    """Show every topic and channel as it stands."""
    return _page(reader, saved=False)


@ROUTER.post("/{token}")
def save(reader: Holder, want: Annotated[list[str] | None, Form()] = None) -> Response:
    """Keep what is ticked; what is not ticked is not wanted. A tick is named `<channel> <topic>`."""
    ticked = set(want or ())
    wishes_now = {(topic, channel): f"{channel} {topic}" in ticked for topic in _topics(reader) for channel in CHANNELS}
    wishes.set_preferences(reader.session, reader.message, wishes_now, now=clock.now())
    return _page(reader, saved=True)


def _topics(reader: Reader) -> dict[str, str]:
    """Return every topic there is, and what it is called in the customer's language."""
    playbooks = load_playbooks(reader.settings).values()
    named = {p.subject_of_wish: p.topic_in.get(reader.language, p.subject_of_wish) for p in playbooks}
    topic, called = reader.topic()
    return dict(sorted((named | {topic: called}).items()))


def _page(reader: Reader, *, saved: bool) -> Response:
    topics = _topics(reader)
    return reader.page("public/preferences.html.j2", topics=topics, channels=CHANNELS, saved=saved,
                       wanted=wishes.wanted(reader.session, reader.message, list(topics)))  # fmt: skip
