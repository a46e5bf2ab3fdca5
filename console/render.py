"""Pages as HTML: the templates, the menu, and addresses that stay right where the console is mounted below a path."""

from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import console.pages
from console import formats
from console.routers import modules
from ledger.people import may

TEMPLATES = Path(__file__).parent / "templates"
REPORT = "report.html.j2"  # a file by itself, written with filters of its own


def render(
    request: Request, template: str, *, status: int = 200, headers: dict[str, str] | None = None, **facts: Any
) -> HTMLResponse:
    """Return a page. Every template knows `company`, `visitor` (None when nobody is signed in), `menu`, `at`, `url` and `locale`."""
    visitor = getattr(request.state, "visitor", None)
    known = {
        "company": request.app.state.settings.company, "visitor": visitor, "csrf": visitor.csrf if visitor else "",
        "menu": menu(request, visitor.role) if visitor else [], "at": lambda path: at(request, path), "here": _here(request),
        "url": at(request, _here(request)) + (f"?{request.url.query}" if request.url.query else ""),
        "locale": formats.locale_of(request.headers.get("accept-language")),
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


def with_query(url: str, **changed: Any) -> str:
    """Return an address with some of its query's values changed, or left out where None."""
    parts = urlsplit(url)
    kept = {name: value for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in changed}
    query = urlencode(kept | {name: value for name, value in changed.items() if value is not None})
    return urlunsplit(parts._replace(query=query))


def _here(request: Request) -> str:
    return request.url.path.removeprefix(request.scope.get("root_path", "")) or "/"


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates' environment: strict, escaped."""
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True)  # fmt: skip
    made.filters.update(formats.filters() | {"with_query": with_query})
    return made


def compile_templates() -> None:
    """Read every page's template once, so that whoever comes first waits no longer than the others."""
    for name in environment().list_templates(filter_func=lambda name: name.endswith(".j2") and name != REPORT):
        environment().get_template(name)
