"""Keyed hashes: what only this installation can compute, so that codes and links cannot be guessed by others.

The key is BEFOREHAND_SECRET; without it one is made once below the storage root, readable by its owner only.
"""

import base64
import hashlib
import hmac
import os
import secrets
from functools import lru_cache
from pathlib import Path

from core.errors import ConfigError, MissingError
from core.settings import Settings

SECRET_ENV = "BEFOREHAND_SECRET"
FILE = "secret.key"
CROCKFORD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def keyed_hash(settings: Settings, purpose: str, text: str) -> str:
    """Return 32 hexadecimal digits for `text`; hashes of one purpose say nothing about those of another."""
    return _digest(settings, purpose, text).hex()[:32]


def suppression_hash(settings: Settings, subject: str) -> str:
    """Return what stands for an erased customer id or address, so that they stay suppressed and unknown."""
    return f"erased:{keyed_hash(settings, 'suppression', subject)}"


def check_code(settings: Settings, key: str) -> str:
    """Return the short code by which a customer can ask us whether the message with this key is really ours."""
    code = base64.b32encode(_digest(settings, "check code", key)[:5]).decode().translate(CROCKFORD)
    return f"{code[:4]}-{code[4:]}"


def stop_token(settings: Settings, key: str) -> str:
    """Return what proves that a wish to stop was made from the message with this key."""
    return keyed_hash(settings, "stop", key)[:20]


def _digest(settings: Settings, purpose: str, text: str) -> bytes:
    secret = _secret(os.environ.get(SECRET_ENV), settings.storage.root)
    return hmac.digest(secret, f"{purpose}\x1f{text}".encode(), hashlib.sha256)


@lru_cache(maxsize=8)
def _secret(stated: str | None, root: str) -> bytes:
    if stated is not None:
        if len(stated) < 16:
            raise ConfigError(f"{SECRET_ENV}: at least 16 characters are needed, got {len(stated)}. "
                              "`openssl rand -hex 32` makes a good one.")
        return stated.encode()
    if "://" in root:
        raise MissingError(f"{SECRET_ENV}: it is not set and the storage root is {root!r}, a place too open for a secret. "
                           "Set it to the same value wherever this program runs.")
    return _kept(Path(root) / FILE)


def _kept(path: Path) -> bytes:
    """Read the key file; the first to come makes it, whole or not at all, and all others read that one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
        with open(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(mine, path)
        except FileExistsError:
            return path.read_bytes()
        finally:
            mine.unlink()
    return path.read_bytes()
