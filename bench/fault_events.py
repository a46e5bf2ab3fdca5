"""The provider's events in the fault run: signed bodies, posted to our real receiver by a provider that tries for 24 hours.

The provider's hours are played: attempts are made one after the other in their order, the receiver is really down meanwhile.
"""

import base64
import heapq
import json
import os
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from random import Random
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.fault_worker import Orders
from core.settings import load_settings
from outreach.sendgrid_events import PUBLIC_KEY_ENV, SIGNATURE, TIMESTAMP

GIVES_UP_AFTER_H = 24.0
LONGEST_GAP_H = 0.75
Event = dict[str, Any]


def receive(orders: Orders, port: int, public_key: str) -> None:
    """Be the receiver: the console's webhooks, until killed."""
    import uvicorn
    from fastapi import FastAPI

    from console.public.webhooks import ROUTER

    os.environ |= {"DATABASE_URL": orders.database_url, PUBLIC_KEY_ENV: public_key}
    app = FastAPI()
    app.state.settings = load_settings(orders.config)
    app.include_router(ROUTER)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical")


def told(keys: Iterable[str], *, at: datetime, random: Random) -> list[Event]:
    """Return what a provider tells of messages it took: processed, and then delivered, or bounced in one of fifty."""
    events = []
    for key in keys:
        moment = int(at.timestamp()) + random.randrange(600)
        kinds = ["processed", "bounce" if random.random() < 0.02 else "delivered"]
        events += [{"event": kind, "message": key, "sg_event_id": f"{key}-{kind}", "timestamp": moment + n, "type": "blocked",
                    "email": f"{key}@example.org"} for n, kind in enumerate(kinds)]  # fmt: skip
    return events


def bodies(events: Sequence[Event], *, size: int, random: Random) -> list[bytes]:
    """Return the events in bodies of `size`, shuffled."""
    mixed = random.sample(events, len(events))
    return [json.dumps(mixed[n : n + size]).encode() for n in range(0, len(mixed), size)]


@dataclass
class Receiver:
    """Our receiver as a process of its own, that can be down."""

    context: ForkServerContext
    orders: Orders
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    port: int = 0
    process: BaseProcess | None = None
    slowest_s: float = 0.0

    def up(self) -> None:
        """Start it, and wait until it answers."""
        if self.process is not None:
            return
        self.port = self.port or _free_port()
        public = base64.b64encode(self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
        self.process = self.context.Process(target=receive, args=(self.orders, self.port, public), daemon=True)
        self.process.start()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise TimeoutError("the receiver did not come up within 60 s.")

    def down(self) -> None:
        """Kill it, whatever it is doing."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None

    def post(self, client: httpx.Client, body: bytes) -> bool:
        """Post a signed body; return whether it was taken."""
        stamp = str(int(time.time()))
        signature = base64.b64encode(self.key.sign(stamp.encode() + body, ECDSA(SHA256()))).decode()
        began = time.monotonic()
        try:
            answer = client.post(f"http://127.0.0.1:{self.port}/webhooks/sendgrid/events", content=body,
                                 headers={SIGNATURE: signature, TIMESTAMP: stamp, "Content-Type": "application/json"})  # fmt: skip
        except httpx.HTTPError:
            return False
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        return answer.is_success


def post_over_hours(receiver: Receiver, posts: Sequence[bytes], *, hours: float, down: tuple[float, float], random: Random) -> dict[str, int]:
    """Post bodies spread over played `hours`, the receiver being down for a while; each is tried for 24 hours, in growing gaps.

    Return how many were posted, how often, and how many were given up.
    """
    order = count()
    queue = [(random.uniform(0, hours), next(order), 0.0, 0.05, body) for body in posts]
    heapq.heapify(queue)
    counts = {"bodies": len(posts), "attempts": 0, "given_up": 0}
    receiver.up()
    with httpx.Client(timeout=10) as client:
        while queue:
            at, _, tried_for, gap, body = heapq.heappop(queue)
            receiver.down() if down[0] <= at < down[1] else receiver.up()
            counts["attempts"] += 1
            if receiver.post(client, body):
                continue
            if tried_for + gap > GIVES_UP_AFTER_H:
                counts["given_up"] += 1
            else:
                heapq.heappush(queue, (at + gap, next(order), tried_for + gap, min(gap * 2, LONGEST_GAP_H), body))
    return counts


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
