"""Where providers post to: what is theirs is kept as it came and answered at once; it is read afterwards.

A signature over the raw bytes comes first, then the bytes are stored, then the answer; a body that is not stored is never
answered with yes, so the provider tries again. Reading happens after the answer, or with the next send.
"""

import hmac
import logging
import os
from collections.abc import Callable, Mapping

from fastapi import APIRouter, BackgroundTasks, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from core import clock
from core.errors import BeforehandError
from core.settings import Settings
from outreach import sendgrid_events, signed_webhook
from outreach.events import hear_events, keep

ROUTER = APIRouter(prefix="/webhooks", include_in_schema=False)
LARGEST_BODY = 32 * 1024 * 1024  # bytes; a mail with its attachments, as inbound parse posts it
INBOUND_ENV = "BEFOREHAND_INBOUND_TOKEN"
LOG = logging.getLogger(__name__)


@ROUTER.post("/sendgrid/events", status_code=204)
async def sendgrid_events_posted(request: Request, later: BackgroundTasks) -> Response:
    """Take SendGrid's events: 204 once they are stored, 403 when the signature is not theirs, 503 when we cannot say."""
    return await _take(request, later, "sendgrid", sendgrid_events.is_theirs)


@ROUTER.post("/sendgrid/inbound/{token}", status_code=204)
async def reply_posted(token: str, request: Request, later: BackgroundTasks) -> Response:
    """Take a reply that SendGrid's inbound parse posts; the address itself is the secret, as it brings no signature."""
    return await _take(request, later, "sendgrid_inbound", lambda headers, body: _is_inbound_token(token))


@ROUTER.post("/cases/events", status_code=204)
async def case_events_posted(request: Request, later: BackgroundTasks) -> Response:
    """Take what a CRM or help desk tells of the cases we opened there, signed as ours are."""
    return await _take(request, later, "webhook", signed_webhook.is_signed)


Proof = Callable[[Mapping[str, str], bytes], bool]


async def _take(request: Request, later: BackgroundTasks, source: str, is_theirs: Proof) -> Response:
    settings: Settings = request.app.state.settings
    body = await _body(request)
    try:
        if not is_theirs(request.headers, body):
            raise HTTPException(403, "The signature does not fit.")
        content_type = request.headers.get("content-type", "")
        await run_in_threadpool(keep, settings, source, body, content_type, now=clock.now())
    except BeforehandError as error:
        LOG.error("a webhook of %s cannot be taken: %s", source, error)
        raise HTTPException(503, "Not ready to take this. Try again later.") from error
    later.add_task(hear_events, now=clock.now(), settings=settings)
    return Response(status_code=204, background=later)


async def _body(request: Request) -> bytes:
    """Return the raw bytes; a body that is too large is not read to its end."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise HTTPException(413, "The body is too large.")
        chunks.append(chunk)
    return b"".join(chunks)


def _is_inbound_token(token: str) -> bool:
    known = os.environ.get(INBOUND_ENV, "")
    return len(known) >= 16 and hmac.compare_digest(token.encode(), known.encode())
