"""Which pages there are, found from the application: those of the menu, those below them with real names, searches, and the API."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from console.access import access_of, routes
from core.settings import Settings
from ledger.flags import Flag
from ledger.messages import Message
from outreach.keyed_hash import check_code

KNOWN = (
    "/", "/cohorts", "/cohorts/{issue}/{day}", "/customers", "/customers/{customer_id}", "/loyalty", "/loyalty/{issue}", "/playbooks",
    "/playbooks/{issue}", "/data", "/data/models/{issue}", "/admin",
)  # fmt: skip
NOT_A_PAGE = ("/data/docs/",)   # files that are handed on as they lie
FIXED = {"language": "en", "kind": "notice", "source": "billing"}
PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True)
class Page:
    """One page: its name in the results, its route's path, and what is asked for in a form where it is a search."""

    name: str
    path: str
    field: str | None = None
    by: str | None = None
    token: bool = False

    def address(self, subject: Mapping[str, Any]) -> str:
        """Return its address for one subject."""
        return PARAMETER.sub(lambda found: str(subject[found[1]]), self.path)


def pages(app: FastAPI) -> tuple[list[Page], list[str]]:
    """Return every page that can be asked for, and in words what is left out."""
    found, left_out = [], []
    for route in routes(app):
        access, path = access_of(route) or "", PARAMETER.sub(r"{\1}", route.path)
        unknown = [name for name in PARAMETER.findall(route.path) if name not in SUBJECT]
        if not access.startswith(("role:", "scope:")) or path.startswith(NOT_A_PAGE):
            continue
        if "GET" in route.methods and unknown:
            left_out.append(f"{path}: what {', '.join(unknown)} may be is not known here")
        elif "GET" in route.methods:
            found.append(Page(path, route.path, token=access.startswith("scope:")))
        elif path == "/customers":
            found += _searches(route)
    missing = sorted(set(KNOWN) - {page.name for page in found})
    return found, left_out + [f"{path}: the application has no such page" for path in missing]


def _searches(route: APIRoute) -> list[Page]:
    """Return the search as it is used: by address, telephone number and the code in a message."""
    field = next(param.name for param in route.dependant.body_params if param.name != "csrf")
    return [Page(f"/customers (by {by})", route.path, field, by) for by in ("address", "phone", "code")]


SUBJECT = ("issue", "day", "customer_id", "customer", "flag_id", *FIXED)


def subjects(session: Session, settings: Settings, n: int) -> Sequence[dict[str, Any]]:
    """Return flags to ask about, with how their customers are found; a quarter is of the largest cohort."""
    largest = session.execute(text("SELECT issue, day FROM cohorts ORDER BY size DESC LIMIT 1")).one()
    newest = select(Flag).order_by(Flag.day.desc(), Flag.id).limit(20 * n)
    flags = list(session.scalars(newest.where((Flag.issue != largest.issue) | (Flag.day != largest.day))))
    flags = random.Random(1).sample(flags, min(n, len(flags)))
    flags += session.scalars(select(Flag).where(Flag.issue == largest.issue, Flag.day == largest.day).limit(n // 4 + 1))
    return [_subject(session, settings, flag) for flag in flags]


def _subject(session: Session, settings: Settings, flag: Flag) -> dict[str, Any]:
    of_them = {"customer": flag.customer_id}
    address, phone = session.execute(text("SELECT address, phone FROM customers WHERE customer_id = :customer"), of_them).one()
    key = session.scalar(select(Message.key).order_by(Message.id.desc()).limit(1))
    return FIXED | {"issue": flag.issue, "day": flag.day, "customer_id": flag.customer_id, "customer": flag.customer_id, "flag_id": flag.id,
                    "address": address, "phone": phone, "code": check_code(settings, key) if key else ""}  # fmt: skip
