"""Loyalty: what telling customers first did for them, read at 1, 6 and 18 months, and which playbooks to keep, change or stop."""

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from markupsafe import Markup

from console.auth import SignedIn
from console.exports import exported, wanted
from console.loyalty_facts import (
    HORIZONS,
    READ,
    first_reading,
    forecasts,
    in_order,
    judged,
    newest_looks,
    pictures,
    promise,
    retention,
    share_changes,
    tile,
)
from console.render import render
from core import clock
from core.errors import unknown_name
from ledger.database import sessions
from ledger.readings import issues_read, months_read, newest_revisions, revisions
from loyalty.advice import RULE
from loyalty.album import ALL, picture
from loyalty.readable import POOLED
from loyalty.strata import RULE as READABLE
from outreach.playbook import load_playbooks

ROUTER = APIRouter(include_in_schema=False)
NAV = (40, "Loyalty", "/loyalty", "viewer")
EXPORTED = ("issue", "month", "horizon_months", "outcome", "design", "revision", "state", "why", "n_contact", "n_hold_out", "mean_contact",
            "mean_hold_out", "effect", "low", "high", "p_value", "power", "smallest_seen", "data_until", "issued_at")  # fmt: skip


@ROUTER.get("/loyalty")
def overview(request: Request, visitor: SignedIn) -> Response:
    """Show every playbook's main readings and what the stated rule says to do."""
    settings, kind = request.app.state.settings, wanted(request)
    with sessions(settings)() as session:
        known = issues_read(session)
        found = judged(session, settings, known)
        if kind:
            return exported([_row(each) for one in found for each in one.tiles], "loyalty", kind)
        first = None if found else first_reading(session, settings, clock.now().date())
    silent = sorted(set(load_playbooks(settings)) - set(known))
    return render(request, "loyalty.html.j2", found=found, silent=silent, rule=RULE, first=first, settings_loyalty=settings.loyalty,
                  forest=Markup(picture(settings, ALL, "forest") or ""))  # fmt: skip


@ROUTER.get("/loyalty/{issue}")
def of_issue(request: Request, visitor: SignedIn, issue: str) -> Response:
    """Show one playbook's readings: the promise first, then every horizon, the checks, the alarms, and forecasts apart."""
    settings, kind = request.app.state.settings, wanted(request)
    playbooks = load_playbooks(settings)
    with sessions(settings)() as session:
        known = issues_read(session)
        if issue not in known and issue not in playbooks:
            raise HTTPException(404, unknown_name("loyalty", "issue", issue, [*known, *playbooks]))
        months = months_read(session, issue)
        rows = in_order(newest_revisions(session, issues=[issue], months=months, horizons=HORIZONS, outcomes=READ))
        if kind:
            return exported([_row(row) for row in rows], f"loyalty-{issue}", kind)
        found = next(iter(judged(session, settings, [issue])), None)
        facts: dict[str, Any] = {"measures": promise(session, issue), "share_changes": share_changes(session, issue),
                                 "looks": newest_looks(session, issue), "first": first_reading(session, settings, clock.now().date())}  # fmt: skip
        if found:
            facts |= {"forecasts": forecasts(session, issue, found.outcome), "revisions": _revisions(session, found)}
    return render(request, "loyalty_issue.html.j2", issue=issue, found=found, playbook=playbooks.get(issue), rule=RULE, readable=READABLE,
                  pooled=[tile(settings, row) for row in rows if row["month"] == POOLED],
                  monthly=[tile(settings, row) for row in rows if row["month"] != POOLED and found and (row["outcome"], row["design"]) == (found.outcome, found.design)],
                  settings_loyalty=settings.loyalty, pictures=pictures(settings, issue), retention=retention(settings, issue), **facts)  # fmt: skip


def _revisions(session: Any, found: Any) -> list[Any]:
    """Return the revisions of the promised reading, where there is more than the first."""
    row = found.promised or found.tiles[0]
    return revisions(session, row)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    names = ("promised", "primary", "smallest_effect", "p_adjusted", "sample_ratio_p", "measure", "readable_from")
    return {name: row[name] for name in EXPORTED} | {name: row["detail"].get(name) for name in names}
