"""How long each answer took, told in its Server-Timing header: browsers show it, and `python -m bench.console` reads it."""

import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "server-timing"


class Timing:
    """Add `Server-Timing: app;dur=12.3`, the milliseconds from the request's arrival to the head of its answer."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the header."""
        began = time.perf_counter()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                took_ms = 1000 * (time.perf_counter() - began)
                MutableHeaders(scope=message).append(HEADER, f"app;dur={took_ms:.1f}")
            await send(message)

        await self.app(scope, receive, timed if scope["type"] == "http" else send)


def server_ms(header: str) -> float:
    """Return the milliseconds that a Server-Timing header tells."""
    return next(float(part.partition("dur=")[2]) for part in header.split(",") if part.strip().startswith("app;"))
