"""Orders as files: <storage root>/actions/<day>/<key>.json, for a system that collects them; a key is one file, whole."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from core.settings import Settings
from core.storage import write_whole
from outreach.hook import Answer, Fate, Order

FOLDER = "actions"


class File:
    """Leaves each order in a folder a day; its receipt is the file's place."""

    name = "file"
    past_too = True

    def check(self, parameters: Mapping[str, Any], *, where: str) -> None:
        """Take any parameters: they stand in the file."""

    def carry_out(self, order: Order, *, settings: Settings, now: datetime) -> Answer:
        """Write the order; a full or read-only disk defers it, since a file is there whole or not at all."""
        name = f"{order.day.isoformat()}/{order.key}.json"
        try:
            content = json.dumps(asdict(order) | {"ordered_at": now}, default=str, indent=1)
            write_whole(settings.root.joinpath(FOLDER, name), content.encode())
        except OSError as error:
            return Answer(Fate.DEFERRED, reason=f"file: {error}")
        return Answer(Fate.DONE, receipt=f"{FOLDER}/{name}")


HOOK = File()
