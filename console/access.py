"""Who may use a route, read off the route itself, so that a forgotten door is found when the application starts."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from core.errors import ConfigError

ROLE, SCOPE = "__needs_role__", "__needs_scope__"
OPEN = ("console.public.", "console.sign_in")


def access_of(route: APIRoute) -> str | None:
    """Return `role:<role>`, `scope:<scope>`, `open`, or None for a route that does not say."""
    for call in _calls(route.dependant):
        if hasattr(call, ROLE):
            return f"role:{getattr(call, ROLE)}"
        if hasattr(call, SCOPE):
            return f"scope:{getattr(call, SCOPE)}"
    return "open" if route.endpoint.__module__.startswith(OPEN) else None


def routes(app: FastAPI) -> list[APIRoute]:
    """Return every route with an endpoint of ours."""
    return [route for route in app.routes if isinstance(route, APIRoute)]


def check(app: FastAPI) -> None:
    """Raise ConfigError for a route that does not say who may use it."""
    for route in routes(app):
        if access_of(route) is None:
            raise ConfigError(f"{route.endpoint.__module__}: {route.path} does not say who may use it. "
                              "Add needs_role(...) or needs(...), or move it to console/public with a proof of its own.")


def _calls(dependant: Dependant) -> Iterator[Any]:
    """Yield what a route depends on, the strictest (the route's own, which comes last) first."""
    for each in reversed(dependant.dependencies):
        yield each.call
        yield from _calls(each)
