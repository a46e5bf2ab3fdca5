"""Signed webhooks, ours and theirs, by the Standard Webhooks scheme: HMAC-SHA256 over id, time stamp and raw bytes."""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import datetime

from core.errors import ConfigError, MissingError

SECRET_ENV = "BEFOREHAND_WEBHOOK_SECRET"
PREFIX = "whsec_"
SHORTEST = 24  # bytes, as the scheme asks


def secret() -> bytes:
    """Return the shared secret. Raise MissingError or ConfigError that says how to make one."""
    stated = os.environ.get(SECRET_ENV)
    how = f"`echo {PREFIX}$(openssl rand -base64 32)` makes a good one."
    if not stated:
        raise MissingError(f"{SECRET_ENV}: webhooks are signed with it, and it is not set. {how}")
    try:
        made = base64.b64decode(stated.removeprefix(PREFIX), validate=True)
    except ValueError as error:
        raise ConfigError(f"{SECRET_ENV}: not {PREFIX} and base64. {how}") from error
    if len(made) < SHORTEST:
        raise ConfigError(f"{SECRET_ENV}: at least {SHORTEST} bytes are needed, got {len(made)}. {how}")
    return made


def signed_headers(named: str, body: bytes, *, now: datetime) -> dict[str, str]:
    """Return the headers that prove a body with this id is ours."""
    stamp = str(int(now.timestamp()))
    return {"webhook-id": named, "webhook-timestamp": stamp, "webhook-signature": f"v1,{_signature(named, stamp, body)}"}


def is_signed(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether one of the signatures is right. Age is not judged: what comes twice changes nothing."""
    right = _signature(headers.get("webhook-id", ""), headers.get("webhook-timestamp", ""), body)
    stated = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(each.encode(), f"v1,{right}".encode()) for each in stated)


def _signature(named: str, stamp: str, body: bytes) -> str:
    content = f"{named}.{stamp}.".encode() + body
    return base64.b64encode(hmac.digest(secret(), content, hashlib.sha256)).decode()
