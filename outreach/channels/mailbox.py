"""The mailbox: each message becomes an .eml file that any mail program opens, in a folder a day.

The file's name is our message id, so writing a message twice leaves one file, whole.
"""

import os
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from upath import UPath

from core.settings import Settings
from outreach.channel import Receipt, Status
from outreach.letter import Letter

FOLDER = "mailbox"


class Mailbox:
    """Delivers into <storage root>/mailbox/<day>/<key>.eml."""

    name = "mailbox"
    keeps_keys = True

    def check(self, settings: Settings) -> None:
        """Make the folder; what stands in the way is raised by the file system."""
        settings.place(FOLDER)

    def send(self, letters: Sequence[Letter], *, settings: Settings, now: datetime) -> list[Receipt]:
        """Write each letter to its file; a full or read-only disk refuses it for now."""
        folders = {day: settings.place(FOLDER, day) for day in {letter.day for letter in letters}}
        return [_deliver(letter, folders[letter.day], now) for letter in letters]

    def holds(self, keys: Collection[tuple[str, str]], *, settings: Settings) -> set[str]:
        """Return the keys whose file is there."""
        return {key for key, day in keys if settings.root.joinpath(FOLDER, day, f"{key}.eml").exists()}


def _deliver(letter: Letter, folder: UPath, now: datetime) -> Receipt:
    name = f"{letter.key}.eml"
    try:
        _write_whole(folder, name, letter.as_bytes())
    except OSError as error:
        # A file that was not moved into place is not in the mailbox: it may be tried again.
        return Receipt(letter.key, Status.DEFERRED, reason=f"mailbox: {error}", retry_at=now, broken=True)
    return Receipt(letter.key, Status.ACCEPTED, provider_id=f"{FOLDER}/{letter.day}/{name}")


def _write_whole(folder: UPath, name: str, content: bytes) -> None:
    if "://" in str(folder):
        folder.joinpath(name).write_bytes(content)  # an object store shows an object only when it is whole
        return
    unfinished = Path(str(folder), f".{name}.{os.getpid()}")
    unfinished.write_bytes(content)
    os.replace(unfinished, Path(str(folder), name))


CHANNEL = Mailbox()
