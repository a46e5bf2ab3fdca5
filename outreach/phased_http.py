"""SendGrid's client with one thing more: it tells a request that never left from one that may have arrived.

The library's one time-out covers connecting, sending and waiting, and its error does not say which of them failed.
"""

from functools import lru_cache
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.error import URLError
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from python_http_client.client import Client


class NeverConnectedError(OSError):
    """There was no connection, so nothing was sent."""


def never_connected(error: BaseException) -> bool:
    """Whether an error of the client says that nothing can have been sent."""
    return isinstance(error, URLError) and isinstance(error.reason, NeverConnectedError)


class PhasedClient(Client):
    """The library's client, with a time-out of its own for connecting. Times in seconds."""

    def __init__(self, *, connect_timeout: float, **of_client: Any) -> None:
        """Take what the library's client takes, and how long connecting may last."""
        self.connect_timeout = connect_timeout
        super().__init__(**of_client)

    def _build_client(self, name: str | None = None) -> "PhasedClient":
        of_client = {"host": self.host, "version": self._version, "request_headers": self.request_headers,
                     "append_slash": self.append_slash, "timeout": self.timeout}  # fmt: skip
        path = [*self._url_path, name] if name else self._url_path
        return PhasedClient(connect_timeout=self.connect_timeout, url_path=path, **of_client)

    def _make_request(self, opener: Any, request: Request, timeout: float | None = None) -> Any:
        return super()._make_request(_opener(self.connect_timeout), request, timeout=timeout)


@lru_cache(maxsize=8)
def _opener(connect_timeout: float) -> OpenerDirector:
    return build_opener(_handler(HTTPHandler, HTTPConnection, "http_open", connect_timeout),
                        _handler(HTTPSHandler, HTTPSConnection, "https_open", connect_timeout))  # fmt: skip


def _handler(kind: Any, connection: Any, opens: str, connect_timeout: float) -> Any:
    """Return urllib's handler of a scheme, on connections that say when they failed."""

    class Phased(connection):
        timeout: float | None

        def connect(self) -> None:
            waits, self.timeout = self.timeout, connect_timeout
            try:
                super().connect()
            except OSError as error:
                raise NeverConnectedError(f"{type(error).__name__}: {error}") from error
            self.timeout = waits
            self.sock.settimeout(waits)

    return type("PhasedHandler", (kind,), {opens: lambda handler, request: handler.do_open(Phased, request)})()
