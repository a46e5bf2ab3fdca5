"""The call list: a person calls. Each message becomes a row that somebody works off with `beforehand calls`.

The list is a table of the ledger, by our message id, so putting a message on it twice leaves one row.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.exc import OperationalError

from core.settings import Settings
from ledger.calls import list_calls, listed
from ledger.database import sessions
from outreach.channel import Receipt, Status
from outreach.letter import Letter


class CallList:
    """Puts messages on the list of calls to be made."""

    name = "call_list"
    keeps_keys = True

    def check(self, settings: Settings) -> None:
        """Need nothing: the list is where the messages are."""

    def send(self, letters: Sequence[Letter], *, settings: Settings, now: datetime) -> list[Receipt]:
        """Put each letter's plain text on the list."""
        rows = [{"message_key": letter.key, "says": letter.text, "listed_at": now} for letter in letters]
        try:
            with sessions(settings).begin() as session:
                list_calls(session, rows)
        except OperationalError as error:
            return [Receipt(letter.key, Status.UNCERTAIN, reason=f"no answer: {type(error.orig).__name__}") for letter in letters]
        return [Receipt(letter.key, Status.ACCEPTED, provider_id="call_list") for letter in letters]

    def holds(self, keys: Collection[tuple[str, str]], *, settings: Settings) -> set[str]:
        """Return the keys that are on the list, called or not."""
        with sessions(settings).begin() as session:
            return listed(session, [key for key, _ in keys])


CHANNEL = CallList()
