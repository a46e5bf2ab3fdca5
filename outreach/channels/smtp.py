"""A mail server by SMTP: each message an envelope of its own, over one connection a batch.

5xx -> refused; 4xx -> certainly not taken, tried later. No answer after the message was handed over -> uncertain; before
that, and for all that come after it -> certainly not sent.
"""

import os
import smtplib
import ssl
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from email.policy import SMTP

from core.errors import MissingError
from core.settings import Settings
from outreach.channel import Receipt, Status
from outreach.letter import Letter

USER_ENV, PASSWORD_ENV = "SMTP_USER", "SMTP_PASSWORD"
RETRY_AFTER = timedelta(minutes=15)
LONGEST_LINE = 998  # RFC 5321, without its line end
BROKEN = (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError)
NO_ANSWER = (smtplib.SMTPException, OSError)


class Smtp:
    """Delivers to a mail server. It keeps no key for us: what got no answer stays a doubt, until a bounce or a person settles it."""

    name = "smtp"
    keeps_keys = False

    def check(self, settings: Settings) -> None:
        """Raise MissingError when only one of user and password is set."""
        _credentials()

    def send(self, letters: Sequence[Letter], *, settings: Settings, now: datetime) -> list[Receipt]:
        """Hand each letter to the server, and return one receipt each."""
        if not letters:
            return []
        later = now + RETRY_AFTER
        try:
            server = _connected(settings)
        except NO_ANSWER as error:
            why, broken = f"no connection: {type(error).__name__}: {error}", isinstance(error, BROKEN)
            return [Receipt(letter.key, Status.DEFERRED, reason=why, retry_at=later, broken=broken) for letter in letters]
        receipts: list[Receipt] = []
        try:
            for letter in letters:
                receipts.append(_hand_over(server, letter, later))
                if receipts[-1].status == Status.UNCERTAIN:
                    break
        finally:
            _leave(server)
        rest = letters[len(receipts):]
        return receipts + [Receipt(each.key, Status.DEFERRED, reason="the connection broke before it", retry_at=later) for each in rest]

    def holds(self, keys: Collection[tuple[str, str]], *, settings: Settings) -> set[str]:
        """Know nothing: a mail server cannot be asked."""
        return set()


def _credentials() -> tuple[str, str] | None:
    user, password = os.environ.get(USER_ENV), os.environ.get(PASSWORD_ENV)
    if bool(user) != bool(password):
        missing = PASSWORD_ENV if user else USER_ENV
        raise MissingError(f"{missing}: the smtp channel has a half of its credentials. Set both, or neither.")
    return (user, password) if user and password else None


def _connected(settings: Settings) -> smtplib.SMTP:
    where, trusted = settings.outreach.smtp, ssl.create_default_context()
    if where.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(where.host, where.port, timeout=where.timeout_seconds, context=trusted)
    else:
        server = smtplib.SMTP(where.host, where.port, timeout=where.timeout_seconds)
    try:
        if where.security == "starttls":
            server.starttls(context=trusted)
        server.ehlo_or_helo_if_needed()
        credentials = _credentials()
        if credentials:
            server.login(*credentials)
    except NO_ANSWER:
        server.close()
        raise
    return server


def _hand_over(server: smtplib.SMTP, letter: Letter, later: datetime) -> Receipt:
    content = _content(server, letter)
    try:
        refused = _envelope(server, letter, later)
        if refused:
            server.rset()
            return refused
    except NO_ANSWER as error:  # the message itself has not been said yet
        return _after_break(server, letter, error, later)
    try:
        server.send(content)
        code, said = server.getreply()
    except NO_ANSWER as error:
        return Receipt(letter.key, Status.UNCERTAIN, reason=f"no answer: {type(error).__name__}: {error}")
    return _answered(letter, code, said, later) or Receipt(letter.key, Status.ACCEPTED, provider_id=_text(said)[:200] or "accepted")


def _envelope(server: smtplib.SMTP, letter: Letter, later: datetime) -> Receipt | None:
    """Say from whom and to whom; return why the server does not want it, or None once it waits for the message."""
    options = ["BODY=8BITMIME"] if server.has_extn("8bitmime") else []
    for code, said in (
        server.mail(letter.skeleton.sender[1], options), server.rcpt(letter.address), server.docmd("DATA"),
    ):  # fmt: skip
        if code not in (250, 251, 252, 354):
            return _answered(letter, code, said, later)
    return None


def _answered(letter: Letter, code: int, said: bytes, later: datetime) -> Receipt | None:
    """Return the receipt of an answer that is not yes."""
    reason = f"SMTP {code}: {_text(said)}"
    if 200 <= code < 300:
        return None
    if 400 <= code < 500:
        return Receipt(letter.key, Status.DEFERRED, reason=reason, retry_at=later)
    if 500 <= code < 600:
        return Receipt(letter.key, Status.REFUSED, reason=reason)
    return Receipt(letter.key, Status.UNCERTAIN, reason=reason)


def _after_break(server: smtplib.SMTP, letter: Letter, error: Exception, later: datetime) -> Receipt:
    server.close()
    return Receipt(letter.key, Status.DEFERRED, reason=f"no answer: {type(error).__name__}: {error}", retry_at=later)


def _content(server: smtplib.SMTP, letter: Letter) -> bytes:
    """Return the message as it goes over the wire: dots doubled, ended by one, in 7 bits where the server wants that."""
    content = letter.as_bytes()
    if not server.has_extn("8bitmime") or max(map(len, content.split(b"\r\n"))) > LONGEST_LINE:
        content = letter.email().as_bytes(policy=SMTP.clone(cte_type="7bit"))
    content = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
    return content + (b"" if content.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def _text(said: bytes) -> str:
    return said.decode("utf-8", "replace").replace("\n", " ")


def _leave(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except NO_ANSWER:
        server.close()


CHANNEL = Smtp()
