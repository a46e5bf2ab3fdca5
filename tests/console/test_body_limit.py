"""A body that is too large is not read to its end, whoever sends it."""

import asyncio
from contextlib import suppress

import pytest
from fastapi import HTTPException
from starlette.requests import Request

from console.body_limit import LARGEST_BODY, BodyLimit

CHUNK = b" " * (LARGEST_BODY // 4)


def read_at(path):
    """Read an endless body at a path; return how many chunks were asked for, at most 20."""
    asked = []

    async def receive():
        asked.append(1)
        return {"type": "http.request", "body": CHUNK, "more_body": len(asked) < 20}

    async def reads_everything(scope, receive, send):
        await Request(scope, receive).body()

    with suppress(HTTPException):
        asyncio.run(BodyLimit(reads_everything)({"type": "http", "path": path, "root_path": "", "headers": []}, receive, None))
    return len(asked)


@pytest.mark.parametrize(("path", "chunks"), [("/api/v1/contacts", 5), ("/sign-in", 5), ("/webhooks/sendgrid/events", 20)])
def test_reading_stops_at_the_limit_and_webhooks_have_their_own(path, chunks):
    assert read_at(path) == chunks
