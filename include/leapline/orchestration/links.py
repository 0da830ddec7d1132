"""Links to the results of a task: buttons on its page in Airflow, and the link in an alert."""

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink, conf

from leapline.errors import LeaplineError
from leapline.runtime.reports import past_report
from leapline.settings import Settings

WITH_CARD = frozenset({"gate", "package", "probe", "publish", "promote"})
WITH_IMAGE = frozenset({"publish", "promote"})


def page_url(run_id: str, part: str = "") -> str:
    """Return the address of a run on the Models page inside Airflow's web UI; `part` is the id of an element there."""
    return f"{_base()}?run={quote(run_id, safe='')}" + (f"#{part}" if part else "")


def links(step: str) -> tuple[BaseOperatorLink, ...]:
    """Return the buttons of a step's task."""
    card = (CardLink(),) if step in WITH_CARD else ()
    image = (ImageLink(),) if step in WITH_IMAGE else ()
    return (ReportLink(), *card, *image)


class ReportLink(BaseOperatorLink):
    """The run on the Models page."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the link; every task has it."""
        return page_url(ti_key.run_id)


class CardLink(BaseOperatorLink):
    """The model card: of the published model if there is one, otherwise of the data day."""

    name = "Model card"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the link; empty, and so no button, for a step without a report."""
        report = _report(ti_key)
        if report is None:
            return ""
        model_id = (report.get("summary") or {}).get("model_id") if ti_key.task_id in WITH_IMAGE else None
        return f"{_base()}models/{quote(model_id)}/card" if model_id else f"{_base()}days/{report['day']}/card"


class ImageLink(BaseOperatorLink):
    """The image's reference on the Models page, where it can be copied; a registry has no web page."""

    name = "Image"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the link; empty for a step that did not succeed."""
        report = _report(ti_key)
        return page_url(ti_key.run_id, "image") if report and report["ok"] else ""


def _base() -> str:
    """Return the address of the Models page, under the plugin's route in Airflow's web UI."""
    url = conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")
    return f"{url}/plugin/models/leapline/"


def _report(ti_key: Any) -> dict[str, Any] | None:
    try:
        return past_report(Settings.load(), ti_key.run_id, ti_key.task_id)
    except LeaplineError:
        return None
