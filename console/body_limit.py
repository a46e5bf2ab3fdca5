"""How large a request may be: more than the limit is not read, whoever sends it. Webhooks have a limit of their own."""

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 2 * 1024 * 1024  # bytes
ELSEWHERE = "/webhooks/"
TOO_LARGE = f"The body is larger than {LARGEST_BODY:,} bytes. Send fewer rows at once."


class BodyLimit:
    """Count the bytes of a body as they come; past the limit the route gets a 413 instead of them."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, with its body counted."""
        counted = scope["type"] == "http" and not _within(scope).startswith(ELSEWHERE)
        await self.app(scope, _counting(receive) if counted else receive, send)


def _counting(receive: Receive) -> Receive:
    came = 0

    async def counted() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > LARGEST_BODY:
            raise HTTPException(413, TOO_LARGE)
        return message

    return counted


def _within(scope: Scope) -> str:
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))
