"""What takes long to count is counted once a minute, however many look at it; the page says when."""

import threading
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Any

GOOD_FOR = timedelta(minutes=1)


class Lately:
    """Keeps what was counted, with the moment; one kept too long is counted anew by whoever asks first."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._kept: dict[Hashable, tuple[datetime, Any]] = {}
        self._counting: dict[Hashable, threading.Lock] = {}

    def counted(self, key: Hashable, count: Callable[[], Any], *, now: datetime) -> tuple[datetime, Any]:
        """Return (when, what) of `key`, counted within the last minute."""
        with self._counting.setdefault(key, threading.Lock()):
            kept = self._kept.get(key)
            if kept is None or not timedelta() <= now - kept[0] < GOOD_FOR:
                kept = self._kept[key] = (now, count())
            return kept
