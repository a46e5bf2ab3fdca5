"""Rate limits: how often one address may try something within a minute. Each process counts for itself."""

import time
from collections import defaultdict, deque
from typing import Any

from fastapi import Depends, HTTPException, Request

WINDOW_S = 60.0
KEYS_AT_MOST = 50_000  # a flood of addresses costs memory of a stated size, no more


class Limits:
    """The tries of the last minute, by what was tried and from where."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._tries: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def count(self, request: Request, what: str, at_most: int) -> None:
        """Count a try. Raise 429 with Retry-After once there were more than `at_most` within a minute."""
        origin = request.client.host if request.client else "unknown"
        now, tries = time.monotonic(), self._tries[what, origin]
        while tries and tries[0] <= now - WINDOW_S:
            tries.popleft()
        if len(tries) >= at_most:
            wait = int(tries[0] + WINDOW_S - now) + 1
            raise HTTPException(429, f"Too many tries. Wait {wait} seconds.", headers={"Retry-After": str(wait)})
        tries.append(now)
        if len(self._tries) > KEYS_AT_MOST:
            self._forget(now)

    def _forget(self, now: float) -> None:
        for key in [key for key, tries in list(self._tries.items()) if not tries or tries[-1] <= now - WINDOW_S]:
            del self._tries[key]


def limited(what: str, at_most: int) -> Any:
    """Return the dependency that lets one address do `what` at most so often a minute."""

    def count(request: Request) -> None:
        request.app.state.limits.count(request, what, at_most)

    return Depends(count)
