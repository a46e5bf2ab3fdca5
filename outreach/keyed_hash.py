"""Keyed hashes: what only this installation can compute, so that codes and links cannot be guessed by others.

The key is BEFOREHAND_SECRET; without it one is made once below the storage root, readable by its owner only.
"""

import base64
import hmac
import os
import secrets
from functools import lru_cache
from pathlib import Path

from core.errors import ConfigError, MissingError
from core.settings import Settings

SECRET_ENV = "BEFOREHAND_SECRET"
FILE = "secret.key"
BASE32, ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BACK = str.maketrans(ALPHABET, BASE32)
PREFIX, HALF, ROUNDS = 10, 1 << 20, 4  # hexadecimal digits of a key that its code holds, half of their bits, rounds


def keyed_hash(settings: Settings, purpose: str, text: str) -> str:
    """Return 32 hexadecimal digits for `text`; hashes of one purpose say nothing about those of another."""
    return _digest(settings, purpose, text).hex()[:32]


def suppression_hash(settings: Settings, subject: str) -> str:
    """Return what stands for an erased customer id or address, so that they stay suppressed and unknown."""
    return f"erased:{keyed_hash(settings, 'suppression', subject)}"


def check_code(settings: Settings, key: str) -> str:
    """Return the short code by which a customer can ask us whether the message with this key is really ours.

    It is the key's first 40 bits under a keyed permutation (a Feistel network of four rounds, Luby and Rackoff 1988), so
    whoever holds the secret finds the message by its code at once, and nobody else can make a code up.
    """
    secret = _secret_of(settings)
    left, right = divmod(int(key[:PREFIX], 16), HALF)
    for n in range(ROUNDS):
        left, right = right, left ^ _round(secret, n, right)
    code = "".join([ALPHABET[half >> shift & 31] for half in (left, right) for shift in (15, 10, 5, 0)])
    return f"{code[:4]}-{code[4:]}"


def key_prefix(settings: Settings, code: str) -> str | None:
    """Return how the key of the message with this code begins; None for what cannot be a code."""
    try:
        number = int.from_bytes(base64.b32decode(code.translate(BACK)), "big")
    except ValueError:
        return None
    if len(code) != 8:
        return None
    secret = _secret_of(settings)
    left, right = divmod(number, HALF)
    for n in reversed(range(ROUNDS)):
        left, right = right ^ _round(secret, n, left), left
    return f"{left * HALF + right:0{PREFIX}x}"


def _round(secret: bytes, n: int, half: int) -> int:
    return int.from_bytes(hmac.digest(secret, b"check code\x1f%d %d" % (n, half), "sha256")[:4], "big") % HALF


def _digest(settings: Settings, purpose: str, text: str) -> bytes:
    return hmac.digest(_secret_of(settings), f"{purpose}\x1f{text}".encode(), "sha256")


def _secret_of(settings: Settings) -> bytes:
    return _secret(os.environ.get(SECRET_ENV), settings.storage.root)


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
