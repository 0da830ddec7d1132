"""Registers the Models page: the last verdict, the candidates, the ledger, promotion and rollback."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import conf

STATIC = Path(__file__).parent / "models"
PREFIX = "/leapline"
# Airflow may be served below a path of its own.
BASE = f"{urlsplit(conf.get('api', 'base_url', fallback='')).path.rstrip('/')}{PREFIX}/"


class LazyApp:
    """The page's ASGI app, created at the first request.

    Airflow loads plugins in every process, including tasks; only the API server needs the web framework.
    """

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one ASGI request."""
        if self._app is None:
            from leapline.orchestration.page.web import app

            self._app = app(STATIC)
        await self._app(scope, receive, send)


class ModelsPagePlugin(AirflowPlugin):
    """Registers the page and its navigation entry."""

    name = "leapline_models"
    fastapi_apps = ({"app": LazyApp(), "url_prefix": PREFIX, "name": "Leapline models"},)
    external_views = (
        {
            "name": "Models",
            "href": BASE,
            "destination": "nav",
            "nav_top_level": True,
            "url_route": "models",
            "icon": f"{BASE}static/icon.svg",
        },
    )
