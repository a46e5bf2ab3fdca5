"""A real HTTP server that speaks SendGrid's v3 contract, misbehaves when told to, and counts what it really received.

It puts each customer's values into the skeleton and keeps to the documented limits, so what it took is what would have gone
out. `python -m bench.provider` runs one by itself: GET /received tells what it counted.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

MOST_PEOPLE = 1000
MOST_CUSTOM_ARGS = MOST_SUBSTITUTIONS = 10_000  # bytes a person
MOST_BODY = 30 * 1024 * 1024
Body = dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for the provider its server belongs to."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        """Tell how many messages were taken, how many more than once, and in how many requests."""
        provider: Provider = self.server.provider
        with provider.lock:
            told = {"received": len(provider.received), "duplicates": provider.duplicates, "requests": provider.asked}
        self._answer(200, told, {})

    def do_POST(self) -> None:
        """Take a request, or do what the next behaviour says: `429 {headers}`, `500`, `take, then drop`, `hang`, `slow`."""
        provider: Provider = self.server.provider
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        behaviour = provider.next_behaviour(dict(self.headers), body)
        status, _, rest = behaviour.partition(" ")
        if status.isdigit():
            self._answer(int(status), {"errors": [{"message": "told to", "field": None}]}, json.loads(rest or "{}"))
        elif behaviour in ("accept", "slow"):
            time.sleep(provider.slow_seconds if behaviour == "slow" else 0)
            self._accept(provider, body)
        else:
            self._say_nothing(provider, body, take="take" in behaviour, hang="hang" in behaviour)

    def _accept(self, provider: "Provider", body: Body) -> None:
        if complaint := provider.complaint(body):
            self._answer(400, {"errors": [complaint]}, {})
            return
        provider.take(body)
        provider.on_take()
        self._answer(202, None, {"X-Message-Id": f"provider-{provider.asked}"})

    def _say_nothing(self, provider: "Provider", body: Body, *, take: bool, hang: bool) -> None:
        if take:
            provider.take(body)
        if hang:
            time.sleep(provider.hang_seconds)
        self.close_connection = True

    def _answer(self, status: int, body: Any, headers: dict[str, str]) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the counts are the log."""


class Server(ThreadingHTTPServer):
    """Answers many at once; whom a kill cut off is nobody's error."""

    daemon_threads = True
    request_queue_size = 128
    provider: "Provider"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over connections that break: the other side was killed."""


class Provider:
    """Answers each request with the next of `behaviours`, then as `mood` says, and keeps what it took."""

    def __init__(self, *, keep: bool = True, mood: Callable[[], str] = lambda: "accept") -> None:
        """Listen on a free port of this machine; with `keep` every request and every delivered text is kept for a look."""
        self.behaviours: list[str] = []
        self.mood = mood
        self.keep = keep
        self.requests: list[tuple[dict[str, str], Body]] = []   # (headers, body)
        self.asked = 0
        self.received: Counter[str] = Counter()                 # our message id -> how often it was taken for delivery
        self.delivered: dict[str, tuple[str, str, str, str]] = {}  # id -> (to, subject, text, html), values put in
        self.hang_seconds = 3.0
        self.slow_seconds = 0.02
        self.on_take: Callable[[], None] = lambda: None         # called when a request was taken and is not answered yet
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.provider = self
        self.host = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        """Answer from now on."""
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Answer no more."""
        self.server.shutdown()
        self.server.server_close()

    @property
    def duplicates(self) -> int:
        """How many messages more than one each were taken."""
        return sum(n - 1 for n in self.received.values())

    def next_behaviour(self, headers: dict[str, str], body: Body) -> str:
        """Count a request and return what to do with it."""
        with self.lock:
            self.asked += 1
            if self.keep:
                self.requests.append((headers, body))
            return self.behaviours.pop(0) if self.behaviours else self.mood()

    def take(self, body: Body) -> None:
        """Accept a request: put each customer's values into the skeleton, as the provider does."""
        contents = {part["type"]: part["value"] for part in body["content"]}
        for person in body["personalizations"]:
            key, (to,) = person["custom_args"]["message"], person["to"]
            subject, text, html = body["subject"], contents["text/plain"], contents["text/html"]
            for mark, value in person["substitutions"].items():
                subject, text, html = subject.replace(mark, value), text.replace(mark, value), html.replace(mark, value)
            with self.lock:
                self.received[key] += 1
                if self.keep:
                    self.delivered[key] = (to["email"], subject, text, html)

    def complaint(self, body: Body) -> dict[str, Any] | None:
        """Return what the real one says against a request, or None."""
        people = body["personalizations"]
        if not 1 <= len(people) <= MOST_PEOPLE:
            return {"message": "between 1 and 1000 personalizations", "field": "personalizations"}
        addresses = [person["to"][0]["email"].lower() for person in people]
        for n, address in enumerate(addresses):
            if not address.isascii() or address.endswith("@invalid") or address.startswith("refused."):
                return {"message": "Does not contain a valid address.", "field": f"personalizations.{n}.to.0.email"}
        if len(set(addresses)) < len(addresses):
            return {"message": "Each email address in the personalization block should be unique.", "field": "personalizations"}
        if any(len(json.dumps(person["custom_args"])) > MOST_CUSTOM_ARGS for person in people):
            return {"message": "custom_args too large", "field": "personalizations"}
        if any(sum(map(len, person["substitutions"].values())) > MOST_SUBSTITUTIONS for person in people):
            return {"message": "substitutions too large", "field": "personalizations"}
        return None


def main() -> None:
    """Run one until it is stopped; its address is the first line it prints."""
    import sys

    provider = Provider(keep=False)
    sys.stdout.write(provider.host + "\n")
    sys.stdout.flush()
    provider.server.serve_forever()


if __name__ == "__main__":
    main()
