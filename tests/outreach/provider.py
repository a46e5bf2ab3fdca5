"""A real HTTP server that speaks SendGrid's v3 contract, behaves badly when told to, and counts what it received."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for the provider its server belongs to."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.provider.lock:
            self.server.provider.requests.append((dict(self.headers), body))
            behaviour = self.server.provider.behaviours.pop(0) if self.server.provider.behaviours else "accept"
        status, _, rest = behaviour.partition(" ")
        if status.isdigit():
            self._answer(int(status), {"errors": [{"message": "told to", "field": None}]}, json.loads(rest or "{}"))
        elif behaviour == "accept":
            self._accept(body)
        else:
            self._say_nothing(body, take="take" in behaviour, hang="hang" in behaviour)

    def _accept(self, body):
        if complaint := self.server.provider.complaint(body):
            self._answer(400, {"errors": [complaint]}, {})
            return
        self.server.provider.take(body)
        self.server.provider.on_take()
        self._answer(202, None, {"X-Message-Id": f"provider-{len(self.server.provider.requests)}"})

    def _say_nothing(self, body, *, take, hang):
        if take:
            self.server.provider.take(body)
        if hang:
            time.sleep(self.server.provider.hang_seconds)
        self.close_connection = True

    def _answer(self, status, body, headers):
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Provider:
    """Answers each request with the next of `behaviours` (then always `accept`), and keeps what it took."""

    def __init__(self):
        self.behaviours = []
        self.requests = []           # every request, as (headers, body)
        self.received = Counter()    # our message id -> how often it was taken for delivery
        self.delivered = {}          # our message id -> (to, subject, text, html) with its values put in
        self.hang_seconds = 3
        self.on_take = lambda: None  # called when a request was taken and is not answered yet
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.provider = self
        self.server.daemon_threads = True
        self.host = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def settings(self, house, timeout=1.0, **outreach):
        """Point a house's outreach at this server."""
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in outreach.items())
        return house.configure(f'[outreach]\nchannel = "sendgrid"\n{lines}'
                               f'[outreach.sendgrid]\nhost = "{self.host}"\ntimeout_seconds = {timeout}\n')  # fmt: skip

    def take(self, body):
        """Accept a request: put each customer's values into the skeleton, as the provider does."""
        contents = {part["type"]: part["value"] for part in body["content"]}
        for person in body["personalizations"]:
            key, (to,) = person["custom_args"]["message"], person["to"]
            filled = [body["subject"], contents["text/plain"], contents["text/html"]]
            for mark, value in person["substitutions"].items():
                filled = [text.replace(mark, value) for text in filled]
            with self.lock:
                self.received[key] += 1
                self.delivered[key] = (to["email"], *filled)

    def complaint(self, body):
        """Return what the real one says against a request, or None."""
        people = body["personalizations"]
        if not 1 <= len(people) <= 1000:
            return {"message": "between 1 and 1000 personalizations", "field": "personalizations"}
        addresses = [person["to"][0]["email"].lower() for person in people]
        for n, address in enumerate(addresses):
            if not address.isascii() or address.endswith("@invalid"):
                return {"message": "Does not contain a valid address.", "field": f"personalizations.{n}.to.0.email"}
        if len(set(addresses)) < len(addresses):
            return {"message": "Each email address in the personalization block should be unique.", "field": "personalizations"}
        if any(len(json.dumps(person["custom_args"])) > 10_000 for person in people):
            return {"message": "custom_args too large", "field": "personalizations"}
        return None
