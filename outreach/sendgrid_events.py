"""SendGrid's event webhook: whether a request is theirs, and what its events mean.

The signature is ECDSA over the timestamp's characters and the raw bytes. Its age is not judged: an honest event may be a
day old, and a replayed one is a duplicate that changes nothing. Opens and clicks are not tracked, and passed over.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from core.errors import ConfigError, MissingError
from outreach.event import Event, Kind, NotReadableError, Problem, instant, key_of, said

PROVIDER = "sendgrid"
PUBLIC_KEY_ENV = "SENDGRID_WEBHOOK_PUBLIC_KEY"
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
KINDS = {
    "processed": Kind.ACCEPTED, "deferred": Kind.DELAYED, "delivered": Kind.DELIVERED, "dropped": Kind.DROPPED,
    "bounce": Kind.BOUNCED, "spamreport": Kind.COMPLAINED, "unsubscribe": Kind.OPTED_OUT,
    "group_unsubscribe": Kind.OPTED_OUT,
}  # fmt: skip
NOT_TRACKED = frozenset({"open", "click", "group_resubscribe"})
# The provider drops what it would have suppressed itself; then we should have known.
DROPPED_FOR = {"bounced address": "hard", "spam reporting address": "complaint", "unsubscribed address": "opt_out"}


def is_theirs(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether SendGrid signed this body. Raise MissingError or ConfigError when we have no proper key to check with."""
    try:
        signature = base64.b64decode(headers.get(SIGNATURE, ""), validate=True)
        _public_key().verify(signature, headers.get(TIMESTAMP, "").encode() + body, ECDSA(SHA256()))
    except (InvalidSignature, binascii.Error):
        return False
    return True


def read(body: bytes, content_type: str = "application/json") -> list[Event | Problem]:
    """Return the events of a body, and the problem of each part that is none. Raise NotReadableError for a body that is no list."""
    told = json.loads(body)
    if not isinstance(told, list):
        raise NotReadableError(f"a list of events was expected, got {type(told).__name__}.")
    return [_read_one(number, each) for number, each in enumerate(told) if not _is_passed_over(each)]


def _is_passed_over(each: Any) -> bool:
    return isinstance(each, dict) and each.get("event") in NOT_TRACKED


def _read_one(number: int, each: Any) -> Event | Problem:
    try:
        return _event(each)
    except ValueError as error:
        return Problem(f"event {number}: {error}")


def _event(each: Any) -> Event:
    if not isinstance(each, dict) or each.get("event") not in KINDS:
        what = each.get("event") if isinstance(each, dict) else each
        raise NotReadableError(f"{what!r} is not understood. Known: {', '.join(sorted({*KINDS, *NOT_TRACKED}))}.")
    dropped_for = DROPPED_FOR.get(str(each.get("reason", "")).lower()) if each["event"] == "dropped" else None
    address = each.get("email")
    named = each.get("sg_event_id") or hashlib.sha256(json.dumps(each, sort_keys=True).encode()).hexdigest()
    return Event(
        PROVIDER, str(named)[:200], KINDS[each["event"]], key_of(each.get("message"), each.get("smtp-id")),
        instant(each.get("timestamp")), address.strip().lower() if isinstance(address, str) else None,
        hard=dropped_for == "hard" or (each["event"] == "bounce" and each.get("type", "bounce") == "bounce"),
        detail=said(reason=each.get("reason"), status=each.get("status"), type=each.get("type"), because=dropped_for),
    )  # fmt: skip


def _public_key() -> EllipticCurvePublicKey:
    stated = os.environ.get(PUBLIC_KEY_ENV)
    if not stated:
        raise MissingError(f"{PUBLIC_KEY_ENV}: events cannot be checked without it, got {stated!r}. "
                           "Copy the verification key from SendGrid's settings of the event webhook.")
    try:
        key = load_der_public_key(base64.b64decode(stated))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{PUBLIC_KEY_ENV}: not a public key: {error}. Copy the verification key from SendGrid's settings.") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise ConfigError(f"{PUBLIC_KEY_ENV}: an elliptic-curve key is needed, got {type(key).__name__}.")
    return key
