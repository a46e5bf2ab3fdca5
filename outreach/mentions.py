"""Mentions: where an erased customer is named in words, raw mails or log files that are not rows of their own.

A name is found whole and in whatever case: `c17` is not found in `c171`. Numbers so short that they name nobody are left alone.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Table, or_, select, update
from sqlalchemy.orm import Session
from upath import UPath

from core.settings import Settings
from ledger.acts import Act
from ledger.contacts import Contact
from ledger.event_bodies import EMPTIED, EventBody
from outreach.reply import Reply, read, read_posted

MAILS = ("mail", "sendgrid_inbound")     # one body is one customer's; of the others each may tell of many
FOLDERS = {"replies": "*.eml", "shadow": "*.html", "validations": "*.json", "data_docs": "*.html", "airflow": "*.log", "pg": "*.log"}
SHORTEST, SHORTEST_NUMBER = 3, 6


@dataclass(frozen=True)
class Mentions:
    """The names of one customer, the keys of what was written to them, and what is put in their place."""

    names: Sequence[str]
    keys: Sequence[str]
    pseudonym: str

    @cached_property
    def telling(self) -> list[str]:
        """Return the names by which somebody is known, the longest first."""
        known = {name for name in self.names if len(name) >= (SHORTEST_NUMBER if name.isdigit() else SHORTEST)}
        return sorted(known, key=len, reverse=True)

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """Return what finds a name as a whole."""
        found = "|".join(map(re.escape, self.telling))
        return re.compile(rf"(?<![^\W_])(?:{found})(?![^\W_])", re.IGNORECASE) if found else None

    def in_text(self, text: str) -> bool:
        """Whether a text names the customer, or a message of theirs."""
        named = self.pattern is not None and self.pattern.search(text) is not None
        return named or any(key in text for key in self.keys)

    def without(self, value: Any) -> Any:
        """Return a text, or whatever JSON holds, with the pseudonym where a name stood; numbers are left alone."""
        if isinstance(value, str):
            return self.pattern.sub(self.pseudonym, value) if self.pattern else value
        if isinstance(value, dict):
            return {self.without(name): self.without(each) for name, each in value.items()}
        return [self.without(each) for each in value] if isinstance(value, list) else value

    def in_mail(self, body: bytes, content_type: str = "message/rfc822") -> bool:
        """Whether a mail names the customer or answers a message of theirs, whatever its encodings hide."""
        head = b"" if content_type == "message/rfc822" else b"Content-Type: " + content_type.encode() + b"\r\n\r\n"
        return any(self.in_text(text) for text in (body.decode("utf-8", "replace"), *_decoded(head + body)))


def sweep_bodies(session: Session, mentions: Mentions) -> int:
    """Empty the mails that are the customer's, and take their names out of bodies that tell of others too; return how many.

    What such a mail said stands in `contacts` too, and may be nobody's there: it is emptied as well, and what was noted about it.
    """
    swept = 0
    mails = select(EventBody).where(EventBody.source.in_(MAILS), EventBody.body != EMPTIED).order_by(EventBody.id)
    for kept in session.scalars(mails.execution_options(yield_per=100)):
        if mentions.in_mail(kept.body, kept.content_type):
            _empty_contacts(session, _contacts_in(kept))
            swept += _replace(session, kept, EMPTIED)
    named = [sa.text(f"position(:name{n} IN lower(encode(body, 'escape'))) > 0").bindparams(**{f"name{n}": name.lower()})
             for n, name in enumerate(mentions.telling)]  # fmt: skip
    others = select(EventBody).where(EventBody.source.not_in(MAILS), EventBody.body != EMPTIED, or_(sa.false(), *named))
    for kept in session.scalars(others.order_by(EventBody.id).execution_options(yield_per=20)):
        swept += _replace(session, kept, mentions.without(kept.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape"))
    return swept


def sweep_words(session: Session, table: Table, columns: Iterable[str], mentions: Mentions, theirs: Any | None = None) -> int:
    """Take the names out of some columns of a table, of the rows `theirs` or of all; return how many rows were changed."""
    wanted = [table.columns[name] for name in columns]
    key = list(table.primary_key.columns)
    if not wanted or mentions.pattern is None:
        return 0
    named = [sa.cast(column, sa.Text).op("~*")("|".join(map(re.escape, mentions.telling))) for column in wanted]
    rows = session.execute(select(*key, *(column.label(f"said_{column.name}") for column in wanted)).where(
        or_(*named), *([theirs] if theirs is not None else []))).mappings().all()  # fmt: skip
    swept = 0
    for row in rows:
        said = {column.name: row[f"said_{column.name}"] for column in wanted}
        left = {name: mentions.without(value) for name, value in said.items()}
        if left != said:
            session.execute(update(table).where(*(column == row[column.name] for column in key)).values(left))
            swept += 1
    return swept


def sweep_files(settings: Settings, mentions: Mentions) -> int:
    """Remove mails of the customer's, and take their names out of pages and logs below the storage root; return how many files."""
    swept = 0
    for folder, kind in FOLDERS.items():
        place = settings.root / folder
        for path in sorted(place.rglob(kind), key=str) if place.exists() else []:
            swept += _sweep_file(path, mentions)
    return swept


def _sweep_file(path: UPath, mentions: Mentions) -> int:
    content = path.read_bytes()
    if path.suffix == ".eml":
        if mentions.in_mail(content):
            path.unlink()
            return 1
        return 0
    left = mentions.without(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    if left != content:
        with path.open("r+b") as file:  # the same file: whoever writes a log holds it open
            file.write(left)
            file.truncate()
    return int(left != content)


def _empty_contacts(session: Session, source_ids: list[str]) -> None:
    theirs = update(Contact).where(Contact.source_id.in_(source_ids)).values(text="", note=None).returning(Contact.id)
    told = [f"contact {each}" for each in session.scalars(theirs)]
    session.execute(update(Act).where(Act.subject.in_(told)).values(detail={}))


def _contacts_in(kept: EventBody) -> list[str]:
    """Return the ids under which a mail's replies were written down."""
    try:
        told = (read if kept.source == "mail" else read_posted)(kept.body, kept.content_type)
    except (ValueError, LookupError):
        return []  # nobody could read it, so nothing was written down
    return [each.source_id for each in told if isinstance(each, Reply)]


def _replace(session: Session, kept: EventBody, body: bytes) -> int:
    if body == kept.body:
        return 0
    session.execute(update(EventBody).where(EventBody.id == kept.id).values(body=body))
    return 1


def _decoded(mail: bytes) -> Iterator[str]:
    """Yield a mail's headers and texts as a person reads them; what cannot be decoded was looked at as it came."""
    read = message_from_bytes(mail, policy=policy.default)
    for part in read.walk():
        yield from (str(value) for value in part.values())
        content = None if part.is_multipart() else part.get_payload(decode=True)
        if isinstance(content, bytes):
            yield content.decode(_charset(part), "replace")


def _charset(part: Message) -> str:
    """Return the charset a part states, where it is one."""
    try:
        "".encode(stated := part.get_content_charset("utf-8"))
    except LookupError:
        return "utf-8"
    return stated
