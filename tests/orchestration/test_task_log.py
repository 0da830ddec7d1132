"""The task log: one summary line per step, and no INFO messages of libraries."""

import logging
from typing import Any

import pytest

from leapline.orchestration.task_log import quiet_libraries, summary_line

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("step", "summary", "line"),
    [
        (
            "extract",
            {"2026-03-04": {"events": 43706, "lines": 231474, "quarantined_share": 0.0024}},
            "extract: 2026-03-04: 43,706 events from 231,474 lines, 0.2 % quarantined",
        ),
        ("extract", {"2026-03-03": {"events": 0, "note": "no files"}}, "extract: 2026-03-03: no files"),
        (
            "featurize",
            {"2026-03-04": {"sessions": 3400, "positives": 187, "features": 31}},
            "featurize: 2026-03-04: 3,400 sessions, 187 buyers, 31 features",
        ),
        ("featurize", {}, "featurize: nothing to do"),
        (
            "evaluate",
            {"roc_auc": 0.91351, "roc_auc_interval": [0.9, 0.93], "average_precision": 0.4},
            "evaluate: ROC AUC 0.914 (95 % CI 0.900 to 0.930), average precision 0.400",
        ),
        ("gate", {"passed": False, "sentence": "Refused: ROC AUC."}, "gate: Refused: ROC AUC."),
        (
            "publish",
            {"model_id": "m", "image": "r/s", "digest": DIGEST, "pushed": True},
            f"publish: model m, image r/s@{DIGEST}, pushed",
        ),
        (
            "package",
            {"model_id": "m", "image_digest": DIGEST, "image_bytes": {"amd64": 10_300_000, "arm64": 9_800_000}},
            f"package: model m, image {DIGEST}, 10.3 MB",
        ),
        (
            "publish",
            {
                "model_id": "m",
                "image": "r/s",
                "digest": DIGEST,
                "pushed": False,
                "docker_images": {"amd64": {"tag": "m-docker", "digest": "sha256:1"}},
            },
            f"publish: model m, image r/s@{DIGEST}, already in the registry; in Docker's format m-docker@sha256:1",
        ),
        ("promote", {"promoted": False, "why": "a backfill"}, "promote: champion unchanged: a backfill"),
        ("promote", {"champion": "unknown form"}, "promote: champion unknown form"),
        ("package", {}, "package: done"),
    ],
)
def test_summary_line(step: str, summary: dict[str, Any], line: str) -> None:
    assert summary_line(step, summary) == line


def test_libraries_log_warnings_but_not_information() -> None:
    quiet_libraries()
    for name in ("great_expectations.core", "py4j.clientserver"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
        assert logging.getLogger(name).isEnabledFor(logging.WARNING)


def test_repeated_commands_of_py4j_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Py4J logs them with the root logger."""
    quiet_libraries()
    with caplog.at_level(logging.INFO):
        for level, module in ((logging.INFO, "java_gateway"), (logging.ERROR, "java_gateway"), (logging.INFO, "other")):
            root = logging.getLogger()
            root.handle(root.makeRecord("root", level, f"/py4j/{module}.py", 1, module, (), None))
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.ERROR, "java_gateway"), (logging.INFO, "other")
    ]  # fmt: skip
