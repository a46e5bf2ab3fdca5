"""Links: addresses of customers' pages, each signed for one purpose and one message, good for a stated time.

Whoever holds the link of one purpose can do that one thing; the key stems from the installation's secret.
"""

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from itsdangerous import BadSignature, TimestampSigner
from itsdangerous.encoding import base64_encode, int_to_bytes

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


class _Signer(TimestampSigner):
    """The library's signer, told what time it is."""

    instant = datetime.fromtimestamp(0, UTC)

    def get_timestamp(self) -> int:
        return int(self.instant.timestamp())


class Links:
    """Makes and reads the links of one installation. Every letter has three: they are signed here, and read by the library."""

    def __init__(self, settings: Settings) -> None:
        """Derive a key for each purpose."""
        self.base = settings.company.website.rstrip("/") + PAGES
        self._keys = {purpose: keyed_hash(settings, f"link {purpose}", "").encode() for purpose in LASTS}
        self._signers = {purpose: _Signer(key, key_derivation="none", digest_method=sha256) for purpose, key in self._keys.items()}
        self._stamp = datetime.fromtimestamp(0, UTC), ""

    def token(self, purpose: str, key: str, now: datetime) -> str:
        """Return what proves that its holder was sent the message with this key."""
        if self._stamp[0] != now:
            self._stamp = now, base64_encode(int_to_bytes(int(now.timestamp()))).decode()
        value = f"{key}.{self._stamp[1]}"
        return f"{value}.{base64_encode(hmac.digest(self._keys[purpose], value.encode(), 'sha256')).decode()}"

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
