"""The console: pages for people who sign in, pages for customers, and an interface for other systems, in one application.

Every file of console/pages, console/public and console/api with a ROUTER is part of it. A route says who may use it, or
the application does not start: see `console.access`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.sessions import SessionMiddleware

import console.api
import console.pages
import console.public
from console import access, errors, security, sign_in
from console.body_limit import BodyLimit
from console.lately import Lately
from console.limits import Limits
from console.render import compile_templates
from console.routers import modules
from console.timing import Timing
from core.settings import Settings
from ledger.database import sessions
from outreach.keyed_hash import keyed_hash
from outreach.links import PAGES
from outreach.playbook import load_playbooks

STATIC = Path(__file__).parent / "static"


def create_app(settings: Settings, *, inside_airflow: bool = False) -> FastAPI:
    """Return the console of one configuration. Raise ConfigError for a route that does not say who may use it.

    `inside_airflow`: a ledger that is down does not keep Airflow's server from starting; the pages say so instead.
    """
    app = FastAPI(title="Beforehand", version="1", description=console.api.ABOUT, docs_url=None, redoc_url=None,
                  openapi_url="/api/openapi.json", lifespan=None if inside_airflow else _ready)  # fmt: skip
    app.state.settings, app.state.limits, app.state.inside_airflow = settings, Limits(), inside_airflow
    app.state.lately = Lately()
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    # Customers reach one path of the company's website, which a proxy hands on; what their pages need lies below it.
    app.mount(f"{PAGES}/static", StaticFiles(directory=STATIC), name="customers_static")
    app.include_router(sign_in.ROUTER)
    for package in (console.public, console.api, console.pages):
        for module in modules(package):
            app.include_router(module.ROUTER, prefix="/api/v1" if package is console.api else "")
    access.check(app)
    errors.install(app)
    app.add_middleware(security.Headers, secure=settings.console.secure)
    # Only the few minutes at an OpenID provider need a state of their own; who is signed in lies in the ledger.
    app.add_middleware(SessionMiddleware, secret_key=keyed_hash(settings, "sign-in state", "console"), session_cookie="beforehand_state",
                       max_age=600, same_site="lax", https_only=settings.console.secure)  # fmt: skip
    app.add_middleware(BodyLimit)
    app.add_middleware(Timing)
    return app


@asynccontextmanager
async def _ready(app: FastAPI) -> AsyncIterator[None]:
    sessions(app.state.settings)  # a ledger that cannot be reached is an error at the start, not on the first page
    compile_templates()
    load_playbooks(app.state.settings)
    yield
