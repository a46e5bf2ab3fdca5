"""The audit trail: every act of a person, or of a stated rule in a person's stead, with filters that are its address."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from console.auth import needs_role
from console.exports import exported, wanted
from console.render import render
from ledger.acts import Act, Asked, kinds, trail
from ledger.database import sessions
from ledger.sign_ins import Visitor

ROUTER = APIRouter(include_in_schema=False)
SHOWN = 100


@ROUTER.get("/admin/acts")
def acts(
    request: Request, visitor: Annotated[Visitor, needs_role("admin")], act: str = "", actor: str = "", subject: str = "",
    since: str = "", until: str = "", after: str = "",
) -> Response:  # fmt: skip
    """List acts, the newest first."""
    if after and not (after.isdecimal() and len(after) < 10):
        raise HTTPException(404, f"after: no place in the list, got {after!r}. Start from the first page.")
    act, actor, subject = (text.replace("\0", "").strip() for text in (act, actor, subject))
    asked = Asked(act=act, actor=actor, subject=subject, since=_day("since", since), until=_day("until", until))
    kind = wanted(request)
    with sessions(request.app.state.settings).begin() as session:
        rows = trail(session, asked, before=int(after) if after else None, limit=None if kind else SHOWN + 1)
        known = kinds(session)
    if kind:
        return exported([_plain(row) for row in rows], "acts", kind)
    return render(request, "acts.html.j2", rows=rows[:SHOWN], asked=asked, kinds=known, after=rows[SHOWN - 1].id if len(rows) > SHOWN else None,
                  narrowed=any((act, actor, subject, since, until)))  # fmt: skip


def _plain(row: Act) -> dict[str, object]:
    return {"id": row.id, "at": row.at, "actor": row.actor, "act": row.act, "subject": row.subject, "detail": row.detail}


def _day(name: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise HTTPException(422, f"{name}: a day is needed, got {text!r}. Write it as 2026-03-31.") from None
