"""Letters: a message with its words, ready for any channel. Many letters share one skeleton and differ in a few values.

A skeleton holds tokens such as `[%first_name%]`; the HTML has tokens of its own, because its values are escaped.
"""

import textwrap
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from functools import cached_property
from hashlib import sha256
from html import escape

WIDTH = 76
CRLF = "\r\n"


def token(name: str) -> str:
    """Return the mark in a skeleton's text where a value goes."""
    return f"[%{name}%]"


def html_token(name: str) -> str:
    """Return the mark in a skeleton's HTML where an escaped value goes."""
    return f"[%{name}.html%]"


def wrapped(text: str) -> str:
    """Return paragraphs with lines of at most 76 characters, never broken inside a word or a link."""
    return "\n".join(textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False) for line in text.split("\n"))


@dataclass(frozen=True)
class Skeleton:
    """What all letters of one playbook version, language and branch share."""

    issue: str
    version: str
    language: str
    subject: str
    text: str
    html: str
    sender: tuple[str, str]       # name, address
    reply_to: str
    headers: tuple[tuple[str, str], ...]

    @cached_property
    def body(self) -> str:
        """Return both parts as MIME with tokens inside: 8bit, so that a token is never split by an encoding."""
        edge = f"=_{sha256((self.text + self.html).encode()).hexdigest()[:32]}"
        part = "--{}\nContent-Type: text/{}; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{}\n"
        parts = part.format(edge, "plain", self.text) + part.format(edge, "html", self.html)
        head = f'MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary="{edge}"\n\n'
        return f"{head}{parts}--{edge}--\n".replace("\n", CRLF)


@dataclass(frozen=True)
class Letter:
    """One message to one address. `key` is our message id, `values` what is put into the skeleton."""

    key: str
    address: str
    name: str | None
    day: str
    skeleton: Skeleton
    values: dict[str, str]
    stop_url: str
    written_at: datetime

    @property
    def message_id(self) -> str:
        """The RFC 5322 Message-ID, the same each time this message is composed."""
        return f"<{self.key}@{self.skeleton.sender[1].rpartition('@')[2]}>"

    @property
    def subject(self) -> str:
        """The subject with its values."""
        return self._filled(self.skeleton.subject)

    @property
    def text(self) -> str:
        """The plain text with its values."""
        return self._filled(self.skeleton.text)

    @property
    def html(self) -> str:
        """The HTML with its escaped values."""
        return self._filled(self.skeleton.html)

    def substitutions(self) -> dict[str, str]:
        """Return every token of the skeleton with what stands in its place."""
        return {token(n): v for n, v in self.values.items()} | {html_token(n): escape(v) for n, v in self.values.items()}

    def headers(self) -> dict[str, str]:
        """Return the headers a provider does not set itself."""
        return {
            "Message-ID": self.message_id,
            "List-Unsubscribe": f"<{self.stop_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            **dict(self.skeleton.headers),
        }

    def as_bytes(self) -> bytes:
        """Return the whole message as RFC 5322 text, about a hundred times quicker than the standard library's builder."""
        address = {
            "From": _mailbox(*self.skeleton.sender),
            "To": _mailbox(self.name, self.address),
            "Reply-To": self.skeleton.reply_to,
            "Subject": _header(self.subject),
            "Date": format_datetime(self.written_at),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in (address | self.headers()).items())
        return (head + self._filled(self.skeleton.body)).encode()

    def email(self) -> EmailMessage:
        """Return the message as the standard library reads it."""
        read = message_from_bytes(self.as_bytes(), policy=SMTP)
        if not isinstance(read, EmailMessage):
            raise TypeError(f"{self.key}: the policy made a {type(read).__name__}.")
        return read

    def _filled(self, text: str) -> str:
        for mark, value in self.substitutions().items():
            text = text.replace(mark, value)
        return text


def _mailbox(name: str | None, address: str) -> str:
    """Return a name and an address for a header; a long foreign name becomes several encoded words."""
    if not name or name.isascii():
        return formataddr((name or "", address))
    return f"{Header(name, 'utf-8').encode(linesep=CRLF)} <{address}>"


def _header(text: str) -> str:
    """Return a header's text, encoded and folded where it is not short ASCII."""
    return text if text.isascii() and len(text) < WIDTH else Header(text, "utf-8", header_name="Subject").encode(linesep=CRLF)
