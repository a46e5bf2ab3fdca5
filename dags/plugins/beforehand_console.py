"""The console inside Airflow: its pages below /beforehand, and an entry in Airflow's own navigation that shows them in a frame.

Airflow lets anybody reach what a plugin mounts, so the console keeps its own door: people sign in to it here as they do where it runs alone.
To load it elsewhere than by `beforehand up`, name this folder in [core] plugins_folder of airflow.cfg.
"""

import logging
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

LOG = logging.getLogger(__name__)
PREFIX = "/beforehand"
BASE_URL = conf.get("api", "base_url", fallback="").rstrip("/")
HREF = f"{urlsplit(BASE_URL).path}{PREFIX}/"


class BeforehandPlugin(AirflowPlugin):
    """Mounts the console. It is made when the API server asks for it, not where a scheduler or a task reads this file."""

    name = "beforehand"
    external_views: ClassVar[list[dict[str, Any]]] = [  # type: ignore[misc]
        {"name": "Console", "href": HREF, "url_route": "console", "destination": "nav", "nav_top_level": True, "icon": f"{HREF}static/icon.svg"},
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Return the console as Airflow wants it; where its configuration is wrong, a page that says so, and Airflow goes on."""
        from console.mounted import closed, inside_airflow
        from core.errors import BeforehandError

        try:
            app = inside_airflow(BASE_URL, PREFIX)
        except BeforehandError as error:
            LOG.error("The console is not mounted: %s", error)
            app = closed()
        return [{"name": "beforehand", "app": app, "url_prefix": PREFIX}]
