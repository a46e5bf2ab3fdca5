"""Pages as HTML: the templates, the menu, and addresses that stay right where the console is mounted below a path."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import console.pages
from console.routers import modules
from ledger.people import may

TEMPLATES = Path(__file__).parent / "templates"


def render(
    request: Request, template: str, *, status: int = 200, headers: dict[str, str] | None = None, **facts: Any
) -> HTMLResponse:
    """Return a page. Every template knows `company`, `visitor` (None when nobody is signed in), `menu` and `at`."""
    visitor = getattr(request.state, "visitor", None)
    known = {
        "company": request.app.state.settings.company, "visitor": visitor, "csrf": visitor.csrf if visitor else "",
        "menu": menu(request, visitor.role) if visitor else [], "at": lambda path: at(request, path), "here": _here(request),
    }  # fmt: skip
    page = environment().get_template(template).render(known | facts)
    return HTMLResponse(page, status_code=status, headers=headers)


def at(request: Request, path: str) -> str:
    """Return the address of one of our pages, below wherever the console is mounted."""
    return f"{request.scope.get('root_path', '').rstrip('/')}{path}"


def menu(request: Request, role: str) -> list[tuple[str, str]]:
    """Return (title, path) of every page in the menu that `role` may open; NAV is (place, title, path, role)."""
    found = sorted(module.NAV for module in modules(console.pages) if hasattr(module, "NAV"))
    return [(title, path) for _, title, path, needed in found if may(role, needed)]


def _here(request: Request) -> str:
    return request.url.path.removeprefix(request.scope.get("root_path", "")) or "/"


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates' environment: strict, escaped."""
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True)  # fmt: skip
