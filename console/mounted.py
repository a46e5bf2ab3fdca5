"""The console as a part of Airflow's own server: the same pages and the same door, and Airflow is asked as its signed-in user."""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from console.app import create_app
from core.settings import Settings, current


def inside_airflow(base_url: str, prefix: str) -> FastAPI:
    """Return the console for Airflow at `base_url` to mount below `prefix`; links in messages and for new people lead there."""
    return create_app(_at(current(), base_url, prefix) if base_url else current(), inside_airflow=True)


def closed() -> FastAPI:
    """Return what is mounted instead of a console whose configuration is wrong."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/{path:path}")
    def say(path: str) -> PlainTextResponse:
        return PlainTextResponse("The console's configuration needs mending; the log of Airflow's API server says where.", 503)

    return app


def _at(settings: Settings, base_url: str, prefix: str) -> Settings:
    stated = settings.console
    known = {"airflow": stated.airflow or base_url, "address": stated.address or f"{base_url}{prefix}"}
    return settings.model_copy(update={"console": stated.model_copy(update=known)})
