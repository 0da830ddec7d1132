"""Log output of a task: one summary line at the end, and no start-up messages of libraries."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from leapline.console import gist

Summary = Mapping[str, Any]

_NOISY_LIBRARIES: Final = ("great_expectations", "matplotlib", "py4j", "urllib3", "botocore", "fsspec")
"""Libraries that log at level INFO while they are imported or start; their warnings and errors stay."""


_LOGGERS_WITH_OWN_LEVEL: Final = ("great_expectations.data_context.types.base",)
"""Modules that set the level INFO for their own logger when they are imported; a filter outlives that."""


def quiet_libraries() -> None:
    """Log warnings and errors of libraries only."""
    for name in _NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _LOGGERS_WITH_OWN_LEVEL:
        logging.getLogger(name).addFilter(_is_warning)
    logging.getLogger().addFilter(_is_no_repeated_command)


def _is_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def _is_no_repeated_command(record: logging.LogRecord) -> bool:
    """Py4J repeats a command on a new connection if an idle one was closed, and logs that with the root logger."""
    return _is_warning(record) or record.module != "java_gateway"


def summary_line(step: str, summary: Summary) -> str:
    """Return a step's summary as one line; a summary of an unknown form is listed field by field."""
    with suppress(KeyError, TypeError, AttributeError):
        if step in _LINES:
            return f"{step}: {_LINES[step](summary)}"
    return f"{step}: {gist(summary) or 'done'}"


def _per_day(line: Callable[[Summary], str]) -> Callable[[Summary], str]:
    return lambda summary: "; ".join(f"{day}: {line(content)}" for day, content in summary.items()) or "nothing to do"


def _extract(day: Summary) -> str:
    if "note" in day:
        return str(day["note"])
    share = f"{day['quarantined_share']:.1%}".replace("%", " %")
    warning = f". {day['warning']}" if "warning" in day else ""
    return f"{day['events']:,} events from {day['lines']:,} lines, {share} quarantined{warning}"


def _featurize(day: Summary) -> str:
    return f"{day['sessions']:,} sessions, {day['positives']:,} buyers, {day['features']} features"


def _evaluate(summary: Summary) -> str:
    if summary["roc_auc"] is None:
        return "no ROC AUC: " + "; ".join(summary["missing"].values())
    bounds = summary["roc_auc_interval"]
    ci = f"95 % CI {bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else "no confidence interval"
    return f"ROC AUC {summary['roc_auc']:.3f} ({ci}), average precision {summary['average_precision']:.3f}"


def _package(summary: Summary) -> str:
    size = max(summary["image_bytes"].values()) / 1e6
    notes = _docker_images(summary) + _left_out(summary)
    return f"model {summary['model_id']}, image {summary['image_digest']}, {size:.1f} MB{notes}"


def _publish(summary: Summary) -> str:
    state = "pushed" if summary["pushed"] else "already in the registry"
    return (
        f"model {summary['model_id']}, image {summary['image']}@{summary['digest']}, {state}{_docker_images(summary)}"
    )


def _docker_images(summary: Summary) -> str:
    """Return the images in Docker's format, each with tag and digest."""
    built = summary.get("docker_images", {}).values()
    return "".join(f"; in Docker's format {image['tag']}@{image['digest']}" for image in built)


def _left_out(summary: Summary) -> str:
    """Return the platforms that the image is not built for."""
    return "".join(f"; without linux/{arch}: {why}" for arch, why in summary.get("left_out", {}).items())


def _promote(summary: Summary) -> str:
    if summary["promoted"]:
        head = f" Head of the ledger: {summary['ledger']}." if summary.get("ledger") else ""
        return f"champion is now {summary['model_id']}. {summary['why']}{head}"
    return f"champion unchanged: {summary['why']}"


_LINES: Final[Mapping[str, Callable[[Summary], str]]] = {
    "extract": _per_day(_extract),
    "featurize": _per_day(_featurize),
    "evaluate": _evaluate,
    "package": _package,
    "publish": _publish,
    "promote": _promote,
    "erase": lambda summary: str(summary["sentence"]),
    "retain": lambda summary: str(summary["sentence"]),
}
