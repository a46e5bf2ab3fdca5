"""SendGrid's v3 mail send: one request a skeleton, the customers as personalisations with substitutions.

202 -> accepted. 400 naming a recipient -> that one refused, the others asked again. 401, 403 -> nothing sent, our fault.
Other 4xx -> refused. 429 and no connection -> certainly not sent, tried later. 5xx, time-out, broken connection -> uncertain.
"""

import json
import logging
import os
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from core.errors import MissingError
from core.settings import Settings
from outreach.channel import Receipt, Status
from outreach.letter import Letter, Skeleton

KEY_ENV = "SENDGRID_API_KEY"
RETRY_AFTER = timedelta(minutes=15)
LONGEST_WAIT_S = 2.0
NAMED = re.compile(r"personalizations\.(\d+)\.")

# The library writes every request, with its key and its recipients, to its debug log.
logging.getLogger("python_http_client").setLevel(logging.INFO)


class SendGrid:
    """Delivers through SendGrid. It keeps no key for us: what got no answer stays a doubt."""

    name = "sendgrid"
    keeps_keys = False

    def check(self, settings: Settings) -> None:
        """Raise MissingError when there is no key."""
        _key()

    def send(self, letters: Sequence[Letter], *, settings: Settings, now: datetime) -> list[Receipt]:
        """Send the letters in as few requests as may be, and return one receipt each."""
        client = _client(settings)
        return [receipt for group in _requests(letters) for receipt in _ask(client, group, settings, now)]

    def holds(self, keys: Collection[tuple[str, str]], *, settings: Settings) -> set[str]:
        """Know nothing: only the provider's events tell what became of a message."""
        return set()


def body(letters: Sequence[Letter], *, sandbox: bool = False) -> dict[str, Any]:
    """Return the request for letters of one skeleton."""
    skeleton = letters[0].skeleton
    name, address = skeleton.sender
    off = {"enable": False}
    return {
        "from": {"email": address, "name": name},
        "reply_to": {"email": skeleton.reply_to},
        "subject": skeleton.subject,
        "content": [{"type": "text/plain", "value": skeleton.text}, {"type": "text/html", "value": skeleton.html}],
        "categories": [skeleton.issue, f"{skeleton.issue}-{skeleton.version}"],
        "personalizations": [_personal(letter) for letter in letters],
        "tracking_settings": {
            "click_tracking": off | {"enable_text": False}, "open_tracking": off, "subscription_tracking": off,
            "ganalytics": off,
        },
        "mail_settings": {"sandbox_mode": {"enable": sandbox}},
    }  # fmt: skip


def _personal(letter: Letter) -> dict[str, Any]:
    to = {"email": letter.address} | ({"name": letter.name} if letter.name else {})
    return {
        "to": [to],
        "headers": letter.headers(),
        "substitutions": letter.substitutions(),
        "custom_args": {"message": letter.key},
    }


def _key() -> str:
    key = os.environ.get(KEY_ENV)
    if not key:
        raise MissingError(f"{KEY_ENV}: the sendgrid channel has no key, got {key!r}. Set it, or use the mailbox channel.")
    return key


def _client(settings: Settings) -> Any:
    from sendgrid import SendGridAPIClient

    from outreach.phased_http import PhasedClient

    reach = settings.outreach.sendgrid
    theirs = SendGridAPIClient(_key(), host=reach.host.rstrip("/")).client
    return PhasedClient(connect_timeout=reach.connect_seconds, host=theirs.host, version=3, timeout=reach.timeout_seconds,
                        request_headers=theirs.request_headers)  # fmt: skip


def _requests(letters: Sequence[Letter]) -> Iterator[list[Letter]]:
    """Group letters by skeleton; the provider refuses a request that holds the same address twice."""
    groups: dict[tuple[Skeleton, int], list[Letter]] = {}
    seen: dict[tuple[Skeleton, str], int] = {}
    for letter in letters:
        nth = seen.get((letter.skeleton, letter.address), 0)
        seen[letter.skeleton, letter.address] = nth + 1
        groups.setdefault((letter.skeleton, nth), []).append(letter)
    yield from groups.values()


def _ask(client: Any, letters: list[Letter], settings: Settings, now: datetime) -> list[Receipt]:
    from python_http_client.exceptions import HTTPError

    from outreach.phased_http import never_connected

    reach = settings.outreach.sendgrid
    asking = Retrying(retry=retry_if_exception(never_connected), stop=stop_after_attempt(reach.connect_attempts),
                      wait=wait_random_exponential(multiplier=0.1, max=LONGEST_WAIT_S), reraise=True)  # fmt: skip
    try:
        answer = asking(client.mail.send.post, request_body=body(letters, sandbox=reach.sandbox))
    except HTTPError as error:
        return _turned_down(client, letters, error, settings, now)
    except (URLError, TimeoutError, OSError, HTTPException) as error:
        if never_connected(error):
            return _all(letters, Status.DEFERRED, f"no connection: {error.reason}", retry_at=now + RETRY_AFTER)  # type: ignore[union-attr]
        return _all(letters, Status.UNCERTAIN, f"no answer: {type(error).__name__}: {error}")
    provider_id = answer.headers.get("X-Message-Id")
    if provider_id is None and not settings.outreach.sendgrid.sandbox:
        return _all(letters, Status.UNCERTAIN, f"HTTP {answer.status_code} without X-Message-Id: was it SendGrid?")
    return _all(letters, Status.ACCEPTED, provider_id=provider_id or "sandbox")


def _turned_down(client: Any, letters: list[Letter], error: Any, settings: Settings, now: datetime) -> list[Receipt]:
    status, said = error.status_code, _said(error)
    reason = f"HTTP {status}: {'; '.join(each['message'] for each in said) or error.reason}"
    if status == 429:
        return _all(letters, Status.DEFERRED, reason, retry_at=_reset(error.headers, now))
    if status in (401, 403):
        reason += f". Is {KEY_ENV} right, and may it send from {letters[0].skeleton.sender[1]}?"
        return _all(letters, Status.DEFERRED, reason, retry_at=now + RETRY_AFTER, broken=True)
    if status >= 500 or status < 400:
        return _all(letters, Status.UNCERTAIN, reason)
    bad = _named(said, len(letters))
    if status != 400 or not bad or len(bad) == len(letters):
        return _all(letters, Status.REFUSED, reason)
    # A 400 delivers nothing of its request, so those it does not complain about may be asked again at once.
    refused = [Receipt(letters[n].key, Status.REFUSED, reason=f"HTTP 400: {why}") for n, why in bad.items()]
    rest = [letter for n, letter in enumerate(letters) if n not in bad]
    return refused + _ask(client, rest, settings, now)


def _named(said: list[dict[str, Any]], size: int) -> dict[int, str]:
    """Map the places of the recipients a 400 complains about to why; empty when it complains of anything else."""
    places = [(NAMED.match(str(each.get("field") or "")), each["message"]) for each in said]
    if not places or not all(found and int(found.group(1)) < size for found, _ in places):
        return {}
    return {int(found.group(1)): why for found, why in places if found}


def _said(error: Any) -> list[dict[str, Any]]:
    try:
        errors = json.loads(error.body)["errors"]
        return [{"field": each.get("field"), "message": str(each["message"])} for each in errors]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []  # not SendGrid's form of an error: the status alone must do


def _reset(headers: Any, now: datetime) -> datetime:
    """Return when the rate limit ends: X-RateLimit-Reset in Unix seconds, never in the past nor a day ahead."""
    stated = (headers or {}).get("X-RateLimit-Reset", "")
    reset = datetime.fromtimestamp(int(stated), UTC) if stated.isdecimal() and len(stated) < 12 else now + RETRY_AFTER
    return min(max(reset, now + timedelta(seconds=1)), now + timedelta(days=1))


def _all(letters: Sequence[Letter], status: Status, reason: str | None = None, **also: Any) -> list[Receipt]:
    return [Receipt(letter.key, status, reason=reason, **also) for letter in letters]


CHANNEL = SendGrid()
