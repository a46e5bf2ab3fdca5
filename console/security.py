"""What every answer of the console says to the browser: run no script but ours, be framed by nobody else, keep nothing."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'; frame-src 'self'"  # frames: previews of messages
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # addresses of pages hold tokens
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN",
}


class Headers:
    """Add the headers; a route that sets one itself (a stricter policy, a longer life in caches) keeps its own."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        """Wrap `app`; `secure` says that it is reached over HTTPS alone."""
        self.app = app
        self.headers = HEADERS | ({"strict-transport-security": "max-age=31536000"} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                lasting = "public, max-age=3600" if "/static/" in scope["path"] else "no-store"
                headers.setdefault("cache-control", lasting)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)
