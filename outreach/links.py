"""Links: addresses of customers' pages, each signed for one purpose and one message, good for a stated time.

Whoever holds the link of one purpose can do that one thing; the key stems from the installation's secret.
"""

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from itsdangerous import BadSignature, HMACAlgorithm, TimestampSigner

from core.settings import Settings
from outreach.keyed_hash import keyed_hash

PAGES = "/service-messages"
LASTS = {
    "stop": timedelta(days=730),
    "answer": timedelta(days=60),
    "survey": timedelta(days=60),
    "why": timedelta(days=365),
    "preferences": timedelta(days=365),
}


class _OneShot(HMACAlgorithm):
    """The library's HMAC-SHA256, computed in one call: every letter has three signatures."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")


class _Signer(TimestampSigner):
    """The library's signer, told what time it is."""

    instant = datetime.fromtimestamp(0, UTC)

    def get_timestamp(self) -> int:
        return int(self.instant.timestamp())


class Links:
    """Makes and reads the links of one installation."""

    def __init__(self, settings: Settings) -> None:
        """Derive a key for each purpose."""
        self.base = settings.company.website.rstrip("/") + PAGES
        self._signers = {purpose: _Signer(keyed_hash(settings, f"link {purpose}", ""), key_derivation="none", algorithm=_OneShot(sha256))
                         for purpose in LASTS}  # fmt: skip

    def token(self, purpose: str, key: str, now: datetime) -> str:
        """Return what proves that its holder was sent the message with this key."""
        signer = self._signers[purpose]
        signer.instant = now
        return signer.sign(key).decode()

    def url(self, purpose: str, key: str, now: datetime) -> str:
        """Return the address of the page for this purpose."""
        return f"{self.base}/{purpose}/{self.token(purpose, key, now)}"

    def key(self, purpose: str, token: str, now: datetime) -> str | None:
        """Return the key of the message a token was made for; None where it is forged, of another purpose, or too old."""
        signer = self._signers[purpose]
        signer.instant = now
        try:
            return signer.unsign(token, max_age=int(LASTS[purpose].total_seconds())).decode()
        except (BadSignature, ValueError):
            return None


def check_page(settings: Settings) -> str:
    """Return what a customer types to check a code: no link, no https://, so that nobody learns to click on one."""
    return settings.company.website.rstrip("/").removeprefix("https://") + PAGES + "/check"
