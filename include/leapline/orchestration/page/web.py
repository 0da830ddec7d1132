"""The Models page's own small web app, mounted in Airflow's API server.

It only reads. Every address asks for Airflow's login and for the right to read the DAG `retrain`; what moves a tag is a
DAG run that the page asks of Airflow's own API, with Airflow's own rights, and its own protection against forged
requests: a JSON body with a SameSite cookie.
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
from leapline.orchestration.page import documents, models, runs
from leapline.settings import Settings

# Data Docs bring inline styles and, once, scripts: styles may stay, scripts are never run.
_PAGE = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'"
_DOCUMENT = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:"
FIRST = 10
"""Candidates and ledger entries of the first view; more on demand."""
_ALWAYS = "; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"


def app(static: Path) -> FastAPI:
    """The app.

    Args:
        static: the folder with the page's HTML, scripts, styles and the chart library.
    """
    made = FastAPI(
        title="Leapline models",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(requires_access_dag("GET", param_dag_id="retrain"))],
    )
    made.middleware("http")(_harden)
    _add_page(made, static)
    _add_data(made)
    _add_documents(made)
    return made


async def _harden(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    policy = _DOCUMENT if "/docs/" in request.url.path else _PAGE
    response.headers["Content-Security-Policy"] = policy + _ALWAYS
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    # A new version, or another user, must not meet an old copy; only what is vendored never changes.
    vendored = "/static/vendor/" in request.url.path
    response.headers["Cache-Control"] = "private, max-age=86400" if vendored else "private, no-cache"
    return response


def _settings() -> Settings:
    try:
        return Settings.load()
    except LeaplineError as exc:
        raise HTTPException(500, str(exc)) from exc


Installed = Annotated[Settings, Depends(_settings)]


def _add_page(made: FastAPI, static: Path) -> None:
    @made.get("/")
    def page() -> FileResponse:
        return FileResponse(static / "index.html")

    @made.get("/static/{name:path}")
    def asset(name: str) -> FileResponse:
        return _file(documents.below(static, name))


def _add_data(made: FastAPI) -> None:
    @made.get("/api/page")
    def page(settings: Installed, user: Annotated[Any, Depends(get_user)], run: str | None = None) -> dict[str, Any]:
        listed = runs.listed(settings)
        return {
            "run": runs.detail(settings, run),
            "asked": run,
            "runs": listed,
            "nights": models.nights(settings),
            "rollbacks": models.rollbacks(settings),
            "candidates": models.candidates(settings, most=FIRST),
            "ledger": models.ledger(settings, FIRST),
            "may_move": _may_trigger(user),
        }

    @made.get("/api/candidates")
    def candidates(settings: Installed, before: str) -> dict[str, Any]:
        return models.candidates(settings, before)

    @made.get("/api/ledger")
    def ledger(settings: Installed) -> dict[str, Any]:
        return models.ledger(settings)

    @made.get("/api/serving")
    def serving(settings: Installed) -> dict[str, Any]:
        return models.serving(settings)


def _may_trigger(user: Any) -> bool:
    """Whether the page offers to move the champion; Airflow decides again when it is asked to."""
    return bool(
        get_auth_manager().is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id="rollback"), user=user
        )
    )


def _add_documents(made: FastAPI) -> None:
    @made.get("/models/{model_id}/card")
    def model_card(settings: Installed, model_id: str) -> HTMLResponse:
        return _html(documents.card(documents.model_folder(settings, model_id), "../../"))

    @made.get("/models/{model_id}/plots/{name}")
    def model_plot(settings: Installed, model_id: str, name: str) -> FileResponse:
        folder = documents.model_folder(settings, model_id)
        return _file(documents.below(folder / "plots", name) if folder else None)

    @made.get("/days/{day}/card")
    def day_card(settings: Installed, day: str) -> HTMLResponse:
        return _html(documents.card(documents.verdict_folder(settings, day), "../../"))

    @made.get("/days/{day}/plots/{name}")
    def day_plot(settings: Installed, day: str, name: str) -> FileResponse:
        return _file(documents.day_plot(settings, day, name))

    @made.get("/docs/{day}/data_docs/{name:path}")
    def data_doc(settings: Installed, day: str, name: str) -> Response:
        path = documents.data_doc(settings, day, name)
        if path is None or path.suffix != ".html":
            return _file(path)
        up = "../" * (3 + name.count("/"))
        return HTMLResponse(documents.with_way_back(path.read_text(encoding="utf-8"), up))


def _file(path: Path | None) -> FileResponse:
    if path is None:
        raise HTTPException(404, "no such file")
    return FileResponse(path)


def _html(content: str | None) -> HTMLResponse:
    if content is None:
        raise HTTPException(404, "no such card")
    return HTMLResponse(content)
