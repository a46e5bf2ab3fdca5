"""A signed JSON case for a CRM or help desk: one request a message, by its key, which the receiver may know to take once.

2xx -> accepted. 401, 403, 404 -> nothing opened, our fault. Other 4xx -> refused; 429 and no connection -> tried later.
5xx, time-out, broken connection -> asked again where the receiver takes a key once, else uncertain.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from core.errors import ConfigError
from core.settings import Settings
from outreach.channel import Receipt, Status
from outreach.letter import Letter
from outreach.signed_webhook import secret, signed_headers

RETRY_AFTER = timedelta(minutes=15)
LONGEST_WAIT_S = 2.0
NEVER_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class NoAnswerError(Exception):
    """The receiver may have opened the case, or not."""


class Webhook:
    """Opens a case at outreach.webhook.url. What got no answer is a doubt, until the receiver's event or a person settles it."""

    name = "webhook"
    keeps_keys = False

    def check(self, settings: Settings) -> None:
        """Raise ConfigError without an address, MissingError without a secret."""
        _url(settings)
        secret()

    def send(self, letters: Sequence[Letter], *, settings: Settings, now: datetime) -> list[Receipt]:
        """Post each case, and return one receipt each."""
        if not letters:
            return []
        with httpx.Client(timeout=settings.outreach.webhook.timeout_seconds, follow_redirects=False) as client:
            return [_post(client, letter, settings, now) for letter in letters]

    def holds(self, keys: Collection[tuple[str, str]], *, settings: Settings) -> set[str]:
        """Know nothing: the receiver's events tell."""
        return set()


def case(letter: Letter) -> dict[str, Any]:
    """Return what the receiver gets: whom it is about, and what we would have them told."""
    return {
        "message": letter.key, "issue": letter.skeleton.issue, "playbook_version": letter.skeleton.version, "day": letter.day,
        "customer": {"name": letter.name, "address": letter.address, "language": letter.skeleton.language},
        "subject": letter.subject, "text": letter.text, "html": letter.html, "stop_url": letter.stop_url,
    }  # fmt: skip


def _url(settings: Settings) -> str:
    url = settings.outreach.webhook.url
    if url is None:
        raise ConfigError(f"{settings.folder / 'settings.toml'}: outreach.webhook.url: the webhook channel has no address. "
                          "Set it to where cases are opened.")
    return url


def _post(client: httpx.Client, letter: Letter, settings: Settings, now: datetime) -> Receipt:
    body = json.dumps(case(letter)).encode()
    headers = signed_headers(letter.key, body, now=now) | {"Idempotency-Key": letter.key, "Content-Type": "application/json"}
    again: tuple[type[Exception], ...] = (NoAnswerError, *NEVER_CONNECTED) if settings.outreach.webhook.takes_key_once else NEVER_CONNECTED
    asking = Retrying(retry=retry_if_exception_type(again), stop=stop_after_attempt(settings.outreach.webhook.attempts),
                      wait=wait_random_exponential(multiplier=0.1, max=LONGEST_WAIT_S))  # fmt: skip
    try:
        return asking(_ask, client, _url(settings), body, headers, letter, now)
    except RetryError as error:
        return _given_up(letter, error.last_attempt.exception(), now)
    except (NoAnswerError, *NEVER_CONNECTED) as error:
        return _given_up(letter, error, now)


def _given_up(letter: Letter, error: BaseException | None, now: datetime) -> Receipt:
    if isinstance(error, NEVER_CONNECTED):
        return Receipt(letter.key, Status.DEFERRED, reason=f"no connection: {error}", retry_at=now + RETRY_AFTER)
    return Receipt(letter.key, Status.UNCERTAIN, reason=f"no answer: {error}")


def _ask(client: httpx.Client, url: str, body: bytes, headers: dict[str, str], letter: Letter, now: datetime) -> Receipt:
    try:
        answer = client.post(url, content=body, headers=headers)
    except NEVER_CONNECTED:
        raise
    except httpx.HTTPError as error:
        raise NoAnswerError(f"{type(error).__name__}: {error}") from error
    status, reason = answer.status_code, f"HTTP {answer.status_code}: {answer.reason_phrase}"
    if 200 <= status < 300:
        return Receipt(letter.key, Status.ACCEPTED, provider_id=answer.headers.get("Location") or f"HTTP {status}")
    if status == 429:
        return Receipt(letter.key, Status.DEFERRED, reason=reason, retry_at=_retry_at(answer, now))
    if status in (401, 403, 404):
        reason += f". Is {url} right, and does it know our secret?"
        return Receipt(letter.key, Status.DEFERRED, reason=reason, retry_at=now + RETRY_AFTER, broken=True)
    if 400 <= status < 500:
        return Receipt(letter.key, Status.REFUSED, reason=reason)
    raise NoAnswerError(reason)


def _retry_at(answer: httpx.Response, now: datetime) -> datetime:
    """Return when to ask again: Retry-After in seconds, at least one, at most a day."""
    stated = answer.headers.get("Retry-After", "")
    wait = timedelta(seconds=int(stated)) if stated.isdecimal() and len(stated) < 7 else RETRY_AFTER
    return now + min(max(wait, timedelta(seconds=1)), timedelta(days=1))


CHANNEL = Webhook()
