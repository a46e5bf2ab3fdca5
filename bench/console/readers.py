"""Readers: each is signed in, opens a page, looks at it for a second or three, and opens another; pages come in turn, shuffled."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench.console.pages import Page
from console.timing import HEADER, server_ms

FINE = (200, 303)


@dataclass(frozen=True)
class Keys:
    """What lets a reader in: a sign-in's cookie and mark, and a token."""

    cookies: Mapping[str, str]
    csrf: str
    token: str


@dataclass
class Tally:
    """Milliseconds on the server by page, and the pages that did not answer well."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[str, str] = field(default_factory=dict)

    async def note(self, page: Page, asked: Awaitable[httpx.Response]) -> None:
        """Count one answer, or that there was none."""
        try:
            answer = await asked
        except httpx.TransportError as error:
            self.failed[page.name] = f"gave no answer ({type(error).__name__})"
            return
        if answer.status_code in FINE:
            self.took[page.name].append(server_ms(answer.headers[HEADER]))
        else:
            self.failed[page.name] = f"answered {answer.status_code}"


async def ask(client: httpx.AsyncClient, page: Page, subject: Mapping[str, Any], keys: Keys) -> httpx.Response:
    """Open a page as a browser or another system would."""
    if page.field:
        return await client.post(page.path, data={page.field: str(subject[str(page.by)])}, headers={"X-CSRF-Token": keys.csrf})
    headers = {"Authorization": f"Bearer {keys.token}"} if page.token else {}
    return await client.get(page.address(subject), headers=headers)


async def read(
    address: str, pages: Sequence[Page], subjects: Sequence[Mapping[str, Any]], keys: Sequence[Keys], *, seconds: float
) -> Tally:
    """Let a reader for each of `keys` read for so many seconds; every page is opened once before, uncounted."""
    tally, first = Tally(), Tally()
    alone = httpx.Limits(max_keepalive_connections=0)  # after a page that fails the server hangs up; the next is not to blame
    async with httpx.AsyncClient(base_url=address, cookies=dict(keys[0].cookies), timeout=120, limits=alone) as client:
        for page in pages:
            await first.note(page, ask(client, page, subjects[0], keys[0]))
    open_ones = [page for page in pages if page.name not in first.failed]
    until = time.monotonic() + seconds
    await asyncio.gather(*(_reader(address, open_ones, subjects, each, (n, until, tally)) for n, each in enumerate(keys)))
    tally.failed |= first.failed
    return tally


async def _reader(
    address: str, pages: Sequence[Page], subjects: Sequence[Mapping[str, Any]], keys: Keys, run: tuple[int, float, Tally]
) -> None:
    n, until, tally = run
    chance = random.Random(n)
    async with httpx.AsyncClient(base_url=address, cookies=dict(keys.cookies), timeout=120) as client:
        await asyncio.sleep(chance.uniform(0, 3))
        while time.monotonic() < until:
            for page in chance.sample(list(pages), len(pages)):
                await tally.note(page, ask(client, page, chance.choice(subjects), keys))
                await asyncio.sleep(chance.uniform(1, 3))
                if time.monotonic() >= until:
                    break
