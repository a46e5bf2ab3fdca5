"""What the customers' pages share: whose message a link is about, in which language, and answers in our frame."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from babel.dates import format_date
from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from console.limits import limited
from console.page_words import PageWords, language_for, page_words
from console.render import render
from core import clock
from core.settings import Settings
from ledger.customers import Customer
from ledger.database import sessions
from ledger.messages import Message
from ledger.surveys import Survey, survey_of
from outreach.links import PAGES, Links
from outreach.local_time import company_zone
from outreach.playbook import Playbook, load_playbooks
from outreach.wishes import message_of

LIMITED = [limited("customer page", 60)]


@dataclass
class Reader:
    """Who holds a link: the message it is about, and what is known of whom it went to."""

    request: Request
    session: Session
    message: Message
    customer: Customer | None
    token: str

    @property
    def language(self) -> str:
        """The customer's language, as far as we speak it."""
        return language_for(self.request, self.customer.language if self.customer else None)

    @property
    def words(self) -> PageWords:
        """The pages' sentences in it."""
        return page_words()[self.language]

    @property
    def day(self) -> str:
        """The day the message was sent, as the customer writes days."""
        return day_in_words(self.message, self.settings, self.language)

    @property
    def settings(self) -> Settings:
        """The configuration."""
        return self.request.app.state.settings

    def playbook(self) -> Playbook | None:
        """Return the playbook of the message, as it stands now."""
        return load_playbooks(self.settings).get(self.message.issue)

    def topic(self) -> tuple[str, str]:
        """Return the topic of the message: its name in the ledger, and for the customer."""
        playbook = self.playbook()
        if playbook is None:
            return self.message.issue, self.message.issue.replace("_", " ")
        return playbook.subject_of_wish, playbook.topic_in.get(self.language, playbook.subject_of_wish)

    def sampled(self) -> Survey | None:
        """Return what a random sample was asked, where the message is that survey."""
        return survey_of(self.session, self.message.flag_id) if self.message.kind == "survey" else None

    def link(self, purpose: str) -> str:
        """Return the path of another page about the same message, with a token of its own."""
        return f"{PAGES}/{purpose}/{Links(self.settings).token(purpose, self.message.key, clock.now())}"

    def page(self, template: str, **facts: Any) -> Response:
        """Return a page in the customer's language."""
        return customer_page(self.request, template, self.language, reader=self, **facts)


def reader_of(purpose: str) -> Any:
    """Return the dependency that gives the holder of a valid link of this purpose, else an answer that nothing was changed."""

    def read(request: Request, token: str) -> Iterator[Reader]:
        settings: Settings = request.app.state.settings
        key = Links(settings).key(purpose, token, clock.now())
        with sessions(settings).begin() as session:
            message = message_of(session, key) if key else None
            if message is None:
                raise LinkClosed
            yield Reader(request, session, message, session.get(Customer, message.customer_id), token)

    return Depends(read, scope="function")  # committed before the answer goes out


class LinkClosed(Exception):  # noqa: N818
    """A link is forged, too old, or of a message we do not have."""


def link_closed(request: Request, error: Exception) -> Response:
    """Say that a link no longer works, and how to reach a person."""
    language = language_for(request)
    return customer_page(request, "public/closed.html.j2", language, status=410)


def customer_page(request: Request, template: str, language: str, *, status: int = 200, **facts: Any) -> Response:
    """Return a page for a customer: no menu, no script, kept by no cache."""
    settings: Settings = request.app.state.settings
    return render(request, template, status=status, language=language, words=page_words()[language], pages=PAGES,
                  phone=(settings.company.phone or "").replace(" ", "\N{NO-BREAK SPACE}"), **facts)  # fmt: skip


def day_in_words(message: Message, settings: Settings, language: str) -> str:
    """Return the day a message went out, in the company's zone, as one writes days in this language."""
    sent = message.claimed_at or message.due_at
    return format_date(sent.astimezone(company_zone(settings)).date(), format="long", locale=language)


def masked(address: str | None) -> str:
    """Return an address as its owner knows it again and nobody else learns it: `m…@e….org`."""
    local, _, domain = (address or "").partition("@")
    name, dot, ending = domain.rpartition(".")
    return f"{local[:1]}…@{name[:1]}…{dot}{ending}" if domain else "…"


def masked_phone(phone: str) -> str:
    """Return the last two digits of a telephone number."""
    return f"…{''.join(each for each in phone if each.isdigit())[-2:]}"
