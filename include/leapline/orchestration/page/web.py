"""The web app of the Models page, mounted in Airflow's API server.

The app is read-only. Every route requires Airflow's login and permission to read the DAG `retrain`. To move a tag, the
page triggers a DAG run through Airflow's REST API, which checks permissions itself; a JSON body with a SameSite cookie
protects against cross-site request forgery.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from leapline.errors import LeaplineError
from leapline.orchestration.approval import is_approver
from leapline.orchestration.page import documents, models, runs
from leapline.settings import Settings

# Data Docs contain inline styles, which are allowed, and no scripts: `quality.data_docs` replaces them by plain HTML.
_PAGE = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'"
_DOCUMENT = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:"
FIRST = 10
"""Candidates and ledger entries in the first response; the page loads more on demand."""
_ALWAYS = "; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"


def app(static: Path) -> FastAPI:
    """Create the app.

    Args:
        static: folder with the page's HTML, scripts, styles and the chart library.
    """
    created = FastAPI(
        title="Leapline models",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(requires_access_dag("GET", param_dag_id="retrain"))],
    )
    created.middleware("http")(_add_headers)
    _add_page(created, static)
    _add_data(created)
    _add_documents(created)
    return created


async def _add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    policy = _DOCUMENT if "/docs/" in request.url.path else _PAGE
    response.headers["Content-Security-Policy"] = policy + _ALWAYS
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    # Browsers revalidate every file, so that a new version or another user never gets a stale copy; vendored files do
    # not change.
    vendored = "/static/vendor/" in request.url.path
    response.headers["Cache-Control"] = "private, max-age=86400" if vendored else "private, no-cache"
    return response


def _settings() -> Settings:
    try:
        return Settings.load()
    except LeaplineError as exc:
        raise HTTPException(500, str(exc)) from exc


LoadedSettings = Annotated[Settings, Depends(_settings)]


def _add_page(web_app: FastAPI, static: Path) -> None:
    @web_app.get("/")
    def page() -> FileResponse:
        return FileResponse(static / "index.html")

    @web_app.get("/static/{name:path}")
    def asset(name: str) -> FileResponse:
        return _file(documents.below(static, name))


def _add_data(web_app: FastAPI) -> None:
    @web_app.get("/api/page")
    def page(
        settings: LoadedSettings, user: Annotated[Any, Depends(get_user)], run: str | None = None
    ) -> dict[str, Any]:
        return {
            "run": runs.detail(settings, run),
            "requested": run,
            "runs": runs.listed(settings),
            "days": models.days(settings),
            "rollbacks": models.rollbacks(settings),
            "candidates": models.candidates(settings, most=FIRST),
            "ledger": models.ledger(settings, FIRST),
            "may_promote": is_approver(settings, user.get_name()) and _may_trigger(user),
        }

    @web_app.get("/api/candidates")
    def candidates(settings: LoadedSettings, before: str) -> dict[str, Any]:
        return models.candidates(settings, before)

    @web_app.get("/api/ledger")
    def ledger(settings: LoadedSettings) -> dict[str, Any]:
        return models.ledger(settings)

    @web_app.get("/api/serving")
    def serving(settings: LoadedSettings) -> dict[str, Any]:
        return models.serving(settings)


def _may_trigger(user: Any) -> bool:
    """Return whether the page offers to move the champion; Airflow checks again when the run is triggered."""
    return bool(
        get_auth_manager().is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id="rollback"), user=user
        )
    )


def _add_documents(web_app: FastAPI) -> None:
    @web_app.get("/models/{model_id}/card")
    def model_card(settings: LoadedSettings, model_id: str) -> HTMLResponse:
        return _html(documents.card(documents.model_folder(settings, model_id), "../../"))

    @web_app.get("/models/{model_id}/plots/{name}")
    def model_plot(settings: LoadedSettings, model_id: str, name: str) -> FileResponse:
        folder = documents.model_folder(settings, model_id)
        return _file(documents.below(folder / "plots", name) if folder else None)

    @web_app.get("/days/{day}/card")
    def day_card(settings: LoadedSettings, day: str) -> HTMLResponse:
        return _html(documents.card(documents.verdict_folder(settings, day), "../../"))

    @web_app.get("/days/{day}/plots/{name}")
    def day_plot(settings: LoadedSettings, day: str, name: str) -> FileResponse:
        return _file(documents.day_plot(settings, day, name))

    @web_app.get("/docs/{day}/data_docs/{name:path}")
    def data_doc(settings: LoadedSettings, day: str, name: str) -> Response:
        path = documents.data_doc(settings, day, name)
        if path is None or path.suffix != ".html":
            return _file(path)
        base = "../" * (3 + name.count("/"))
        return HTMLResponse(documents.data_docs_page(path.read_text(encoding="utf-8"), base))


def _file(path: Path | None) -> FileResponse:
    if path is None:
        raise HTTPException(404, "no such file")
    return FileResponse(path)


def _html(content: str | None) -> HTMLResponse:
    if content is None:
        raise HTTPException(404, "no such card")
    return HTMLResponse(content)
