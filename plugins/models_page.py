"""The Models page: last night's verdict, the candidates, who moved the champion, and the way back."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import conf

STATIC = Path(__file__).parent / "models"
PREFIX = "/leapline"
# Airflow may itself be served below a path.
BASE = f"{urlsplit(conf.get('api', 'base_url', fallback='')).path.rstrip('/')}{PREFIX}/"


class WhenAsked:
    """The page's web app, made at the first request.

    Airflow loads its plugins in every process, tasks included; only the API server needs the web framework.
    """

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request (ASGI)."""
        if self._app is None:
            from leapline.orchestration.page.web import app

            self._app = app(STATIC)
        await self._app(scope, receive, send)


class ModelsPagePlugin(AirflowPlugin):
    """Registers the page and its entry in the navigation."""

    name = "leapline_models"
    fastapi_apps = ({"app": WhenAsked(), "url_prefix": PREFIX, "name": "Leapline models"},)
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
