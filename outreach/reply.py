"""A reply: mail that reaches us about a message. What a machine wrote is told from what a person wrote (RFC 3834).

Auto-replies are passed over; a bounce (RFC 3464) or a complaint (RFC 5965) that came by mail is an event like any other.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import parseaddr, parsedate_to_datetime
from html import unescape

from outreach.event import Event, Kind, NotReadableError, Problem, key_of, keys_in, said

PROVIDER = "mail"
TEXT_AT_MOST = 10_000
MACHINES = re.compile(r"(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)(?:[+.=-].*)?@", re.IGNORECASE)
QUOTED_FROM = re.compile(
    r"^\s*(?:>|-{3,}.*(?:original|forwarded|ursprüngliche|message d|mensaje|messaggio|oorspronkelijk).*-{3,}|_{10,}"
    r"|(?:On|Am|Le|El|Il|Op)\b.{5,200}(?:wrote|schrieb|écrit|escribió|ha scritto|schreef).{0,80}:\s*$)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
STOP = re.compile(
    r"\b(?:stop(?:pen|pe)?|unsubscribe|opt[ -]?out|remove me|(?:do not|don'?t) (?:e-?mail|write|contact)|leave me alone"
    r"|abmelden|abbestellen|austragen|keine (?:weiteren )?(?:e-?mails|mails|nachrichten)"
    r"|désabonn\w+|désinscri\w+|arrêtez|ne plus (?:recevoir|m'écrire)|darme de baja|dar de baja|dejen? de|no me escriban"
    r"|disiscri\w+|cancellatemi|non scrivetemi|basta|afmelden|uitschrijven|geen (?:mails|berichten))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reply:
    """What a person wrote to us. `key` is our message, where the reply names it."""

    source_id: str
    keys: tuple[str, ...]
    sender: str
    text: str

    @property
    def kind(self) -> str:
        """`stop` where it may be a wish to hear no more, for a person to decide; `reply` otherwise."""
        return "stop" if STOP.search(self.text) else "reply"


def read(body: bytes, content_type: str = "message/rfc822") -> list[Event | Problem | Reply]:
    """Return what one mail says: a person's reply, a report's events, or nothing where a machine answered."""
    mail = message_from_bytes(body, policy=policy.default)
    if not isinstance(mail, EmailMessage) or not mail.keys():
        raise NotReadableError("not an e-mail: it has no header.")
    if mail.get_content_type() == "multipart/report":
        return [*_report(mail, body)]
    return [] if is_automatic(mail) else [_reply(mail, body)]


def read_posted(body: bytes, content_type: str) -> list[Event | Problem | Reply]:
    """Return what a mail says that SendGrid's inbound parse posted as a form, raw or in parts."""
    form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    if not form.is_multipart():
        raise NotReadableError(f"a multipart form was expected, got {content_type!r}.")
    fields = {str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True) for part in _parts(form)}
    raw = fields.get("email")
    return read(raw if isinstance(raw, bytes) else _put_together(fields))


def is_automatic(mail: Message) -> bool:
    """Whether a machine wrote this: an out-of-office note, a ticket system's receipt, a list."""
    submitted = str(mail.get("Auto-Submitted", "no")).split(";")[0].strip().lower()
    bulk = str(mail.get("Precedence", "")).strip().lower() in ("bulk", "junk", "list", "auto_reply", "auto-reply")
    marked = any(mail.get(name) for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress", "X-Autoresponder",
                                              "List-Id", "List-Unsubscribe"))  # fmt: skip
    nobody = str(mail.get("Return-Path", "")).strip() == "<>" or MACHINES.match(_sender(mail)) is not None
    return submitted != "no" or bulk or marked or nobody


def _reply(mail: EmailMessage, body: bytes) -> Reply:
    named = str(mail.get("Message-ID") or "").strip() or hashlib.sha256(body).hexdigest()
    keys = tuple(dict.fromkeys(keys_in([mail.get("In-Reply-To"), mail.get("References")])))
    source_id = f"mail {hashlib.sha256(named.encode()).hexdigest()[:32]}"
    return Reply(source_id, keys, _sender(mail), _own_words(_text(mail)))


def _report(mail: EmailMessage, body: bytes) -> list[Event]:
    """Return the events of a delivery status notification or a feedback report."""
    returned = [key for part in mail.walk() for key in [key_of(None, _original_id(part))] if key]
    key, when = (returned[0] if returned else None), _date(mail) or datetime.now(UTC)
    digest = hashlib.sha256(body).hexdigest()[:32]
    kind = str(mail.get_param("report-type", "")).lower()
    if kind == "feedback-report":
        return [Event(PROVIDER, digest, Kind.COMPLAINED, key, when, detail=said(type="feedback-report"))]
    events = []
    for number, status in enumerate(each for part in mail.walk() if part.get_content_type() == "message/delivery-status"
                                    for each in _blocks(part) if each.get("Action")):  # fmt: skip
        action, code = str(status["Action"]).strip().lower(), str(status.get("Status", "")).strip()
        what = {"failed": Kind.BOUNCED, "delayed": Kind.DELAYED, "delivered": Kind.DELIVERED}.get(action)
        if what is not None:
            recipient = str(status.get("Final-Recipient", "")).rpartition(";")[2].strip().lower() or None
            hard = what is Kind.BOUNCED and code.startswith("5.1.")  # 5.1.x: the address itself is wrong
            events.append(Event(PROVIDER, f"{digest}.{number}", what, key, when, recipient, hard,
                                said(status=code, reason=status.get("Diagnostic-Code"))))  # fmt: skip
    return events


def _original_id(part: Message) -> str | None:
    """Return the Message-ID of what came back: the whole message, or its header alone."""
    if part.get_content_type() == "message/rfc822" and part.is_multipart():
        return str(part.get_payload(0).get("Message-ID", ""))  # type: ignore[union-attr]
    if part.get_content_type() == "text/rfc822-headers":
        content = part.get_payload(decode=True)
        return str(message_from_bytes(content).get("Message-ID", "")) if isinstance(content, bytes) else None
    return None


def _blocks(part: Message) -> list[Message]:
    found = part.get_payload()
    return [each for each in found if isinstance(each, Message)] if isinstance(found, list) else []


def _parts(form: Message) -> list[Message]:
    found = form.get_payload()
    return [part for part in found if isinstance(part, Message)] if isinstance(found, list) else []


def _put_together(fields: dict[str, object]) -> bytes:
    """Return the mail whose header and text were posted apart; the text in UTF-8, whatever it came in."""
    header, text = fields.get("headers"), fields.get("text") or fields.get("html") or b""
    if not isinstance(header, bytes) or not isinstance(text, bytes):
        raise NotReadableError(f"a mail's headers were expected, got the fields {', '.join(sorted(fields))}.")
    kept = [line for line in re.split(rb"\r?\n(?![ \t])", header.strip()) if not line.lower().startswith(b"content-")]
    kind = b"plain" if fields.get("text") else b"html"
    return b"\r\n".join([*kept, b"Content-Type: text/" + kind + b"; charset=utf-8", b"Content-Transfer-Encoding: 8bit", b"", text])


def _sender(mail: Message) -> str:
    return parseaddr(str(mail.get("From", "")))[1].strip().lower()


def _date(mail: Message) -> datetime | None:
    try:
        stated = parsedate_to_datetime(str(mail["Date"]))
    except (TypeError, ValueError):
        return None
    return stated if stated.tzinfo else stated.replace(tzinfo=UTC)


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain", "html"))
    if part is None:
        return ""
    content = part.get_payload(decode=True)
    charset = part.get_content_charset("utf-8")
    try:
        text = content.decode(charset, "replace") if isinstance(content, bytes) else ""
    except LookupError:
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    return text if part.get_content_type() == "text/plain" else unescape(re.sub(r"<[^>]+>", " ", text))


def _own_words(text: str) -> str:
    """Return what stands before the quoted message, cut to 10,000 characters."""
    quoted = QUOTED_FROM.search(text)
    return (text[: quoted.start()] if quoted else text).replace("\0", "").strip()[:TEXT_AT_MOST]
