"""The other side of each channel: something real that takes what the channel sends, and can be out of order."""

import base64
import json
import socket
import threading
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from ledger.calls import Call
from tests.outreach.provider import Provider

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ....").decode()


def unused_port():
    """Return a port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _bytes(content):
    return content.encode("ascii") if isinstance(content, str) else content


class MailServer:
    """A mail server that takes what it is told to take."""

    def __init__(self, *, seven_bits=False):
        self.taken = []           # (recipient, message)
        self.answers = {}         # step or recipient -> answer
        self.on_data = lambda server: None
        self.controller = Controller(self, hostname="127.0.0.1", port=unused_port(), auth_require_tls=False, authenticator=self.login,
                                     decode_data=seven_bits)  # fmt: skip

    def login(self, server, session, envelope, mechanism, auth_data):
        return AuthResult(success=auth_data.password == b"right", handled=False, auth_data=auth_data)

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):  # noqa: N802
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        answer = self.answers.get("DATA", "250 taken as 42")
        if answer.startswith("250"):
            self.taken.append((envelope.rcpt_tos[0], message_from_bytes(_bytes(envelope.content), policy=policy.default)))
        self.on_data(server)
        return answer

    @property
    def toml(self):
        return f'[outreach.smtp]\nhost = "127.0.0.1"\nport = {self.controller.port}\nsecurity = "none"\ntimeout_seconds = 5\n'

    def arrived(self):
        return {mail["Message-ID"].strip("<>").split("@")[0]: (to, mail.get_body(("plain",)).get_content()) for to, mail in self.taken}


class Desk:
    """A help desk that opens cases, behaves badly when told to, and keeps what it got."""

    def __init__(self):
        self.requests, self.behaviours = [], []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/cases"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def _handler(self):
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                desk.requests.append((dict(self.headers), body))
                behaviour = desk.behaviours.pop(0) if desk.behaviours else "201"
                if behaviour == "drop":
                    self.close_connection = True
                    return
                status, _, retry = behaviour.partition(" ")
                self.send_response(int(status))
                if retry:
                    self.send_header("Retry-After", retry)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler

    @property
    def toml(self):
        return f'[outreach.webhook]\nurl = "{self.url}"\ntimeout_seconds = 2\nattempts = 3\n'

    def arrived(self):
        cases = [json.loads(body) for _, body in self.requests]
        return {case["message"]: (case["customer"]["address"], case["text"]) for case in cases}


@contextmanager
def sendgrid(house, monkeypatch):
    """A local SendGrid."""
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.a-secret-key")
    with Provider() as provider:
        house.configure(f'[outreach.sendgrid]\nhost = "{provider.host}"\ntimeout_seconds = 2\nconnect_attempts = 1\n')
        yield lambda: {key: (to, text) for key, (to, _, text, _) in provider.delivered.items()}


@contextmanager
def mailbox(house, monkeypatch):
    """The folder of files."""

    def arrived():
        files = house.mailbox()
        mails = {file.stem: message_from_bytes(file.read_bytes(), policy=policy.default) for file in files}
        return {key: (mail["To"].addresses[0].addr_spec, mail.get_body(("plain",)).get_content()) for key, mail in mails.items()}

    yield arrived


@contextmanager
def smtp(house, monkeypatch):
    """A local mail server."""
    monkeypatch.setenv("SMTP_USER", "lumen")
    monkeypatch.setenv("SMTP_PASSWORD", "right")
    server = MailServer()
    server.controller.start()
    try:
        house.configure(server.toml)
        yield server.arrived
    finally:
        server.controller.stop()


@contextmanager
def webhook(house, monkeypatch):
    """A local help desk."""
    monkeypatch.setenv("BEFOREHAND_WEBHOOK_SECRET", SECRET)
    desk = Desk()
    try:
        house.configure(desk.toml)
        yield desk.arrived
    finally:
        desk.server.shutdown()
        desk.server.server_close()


@contextmanager
def call_list(house, monkeypatch):
    """The list in the ledger."""

    def arrived():
        with house.open() as session:
            said = {call.message_key: call.says for call in session.query(Call)}
        return {message.key: (f"{message.customer_id}@example.org", said[message.key]) for message in house.messages() if message.key in said}

    yield arrived


STAGES = {"sendgrid": sendgrid, "mailbox": mailbox, "smtp": smtp, "webhook": webhook, "call_list": call_list}
UNREACHABLE = {
    "sendgrid": '[outreach.sendgrid]\nhost = "http://127.0.0.1:{port}"\nconnect_attempts = 2\n',
    "smtp": '[outreach.smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n',
    "webhook": '[outreach.webhook]\nurl = "http://127.0.0.1:{port}/cases"\nattempts = 2\n',
}
SECRETS = {"sendgrid": ["SENDGRID_API_KEY"], "smtp": ["SMTP_PASSWORD"], "webhook": ["BEFOREHAND_WEBHOOK_SECRET"],
           "mailbox": [], "call_list": []}  # fmt: skip
