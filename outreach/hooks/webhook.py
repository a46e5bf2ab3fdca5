"""Orders as signed JSON by HTTP POST. The other side checks the signature and does one Idempotency-Key at most once.

`url` is where, `secret_env` names the environment variable with the shared secret. The header Beforehand-Signature is
`t=<unix seconds>,v1=<HMAC-SHA256 in hexadecimal digits of "<t>." and the raw body>`.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from core.errors import ConfigError
from core.settings import Settings
from outreach.hook import Answer, Fate, Order, needs

OWN = ("url", "secret_env")
LOCAL = ("localhost", "127.0.0.1", "::1")
TIMEOUT = httpx.Timeout(20, connect=5)
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Webhook:
    """Posts each order and reads the receipt from the answer."""

    name = "webhook"
    past_too = False

    def check(self, parameters: Mapping[str, Any], *, where: str) -> None:
        """Raise ConfigError where address or secret is missing, or the address is not encrypted."""
        needs(parameters, OWN, where=where)
        url = urlsplit(parameters["url"])
        if url.scheme != "https" and url.hostname not in LOCAL:
            raise ConfigError(f"{where}.url: must begin with https://, got {parameters['url']!r}. Known: https; http on this machine.")

    def carry_out(self, order: Order, *, settings: Settings, now: datetime) -> Answer:
        """Post the order once: what certainly never left is deferred, what was not answered is a doubt."""
        secret = os.environ.get(order.parameters["secret_env"])
        if not secret:
            return Answer(Fate.DEFERRED, reason=f"webhook: {order.parameters['secret_env']} is not set")
        told = {name: value for name, value in order.parameters.items() if name not in OWN}
        body = json.dumps(asdict(order) | {"parameters": told}, default=str).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": order.key,
                   "Beforehand-Signature": signature(secret, body, now)}  # fmt: skip
        try:
            with httpx.Client(timeout=TIMEOUT, follow_redirects=False) as client:
                return _answer(client.post(order.parameters["url"], content=body, headers=headers))
        except NEVER_SENT as error:
            return Answer(Fate.DEFERRED, reason=f"webhook: {error or type(error).__name__}")
        except httpx.HTTPError as error:
            return Answer(Fate.UNCERTAIN, reason=f"webhook: {error or type(error).__name__}")


def signature(secret: str, body: bytes, now: datetime) -> str:
    """Return what proves that the body is ours and when it was sent."""
    stamp = str(int(now.timestamp()))
    return f"t={stamp},v1={hmac.new(secret.encode(), stamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def _answer(response: httpx.Response) -> Answer:
    """Read an answer: 2xx did it, 429 and 503 put it off, any other 5xx may have done it, the rest refused it."""
    if response.is_success:
        return Answer(Fate.DONE, receipt=_receipt(response))
    reason = f"webhook: status {response.status_code}: {response.text[:200]}".strip()
    if response.status_code in (429, 503):
        return Answer(Fate.DEFERRED, reason=reason)
    return Answer(Fate.UNCERTAIN if response.is_server_error else Fate.REFUSED, reason=reason)


def _receipt(response: httpx.Response) -> str:
    try:
        said = response.json()
    except ValueError:
        said = None
    named = said.get("receipt") if isinstance(said, dict) else None
    return str(named or response.headers.get("X-Request-Id") or f"status {response.status_code}")


HOOK = Webhook()
