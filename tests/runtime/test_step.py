"""Every step leaves a report, of success or of failure."""

import json
import subprocess
import sys
from contextlib import suppress
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from leapline import __version__
from leapline.errors import NoEventsError, RegistryError, SettingsError
from leapline.modelling.days import training_window
from leapline.runtime.context import RunContext
from leapline.runtime.lineage import code_version, libraries
from leapline.runtime.reports import past_report, report_key
from leapline.runtime.step import parse_overrides, perform
from leapline.settings import Settings
from leapline.storage import Lake

RUN = RunContext(date(2026, 3, 5), "scheduled__2026-03-06T00:00:00+00:00")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path)


def test_successful_step_leaves_its_summary(settings: Settings) -> None:
    assert perform("gate", lambda s, r: {"day": r.day.isoformat()}, settings, RUN) == {"day": "2026-03-05"}
    report = past_report(settings, RUN.run_id, "gate")
    assert report is not None
    assert (report["ok"], report["summary"]) == (True, {"day": "2026-03-05"})
    assert report_key(RUN.run_id, "gate") == "runs/scheduled__2026-03-06T00_00_00_00_00/gate.json"


def test_report_names_the_attempts_that_were_read_and_committed(settings: Settings) -> None:
    lake, day = Lake(settings.home), RUN.day
    with lake.attempt("events", day):
        pass
    before = lake.current("events", day).name

    def step(_settings: Settings, _run: RunContext) -> dict[str, Any]:
        lake.current("events", day)
        with lake.attempt("examples", day), suppress(ValueError), lake.attempt("candidates", day):
            raise ValueError("not committed")
        lake.current("examples", day)
        return {}

    perform("featurize", step, settings, RUN)
    report = past_report(settings, RUN.run_id, "featurize")
    assert report is not None
    assert report["read"] == [{"dataset": "events", "key": "2026-03-05", "name": before}]
    attempt = lake.current("examples", day).name
    assert report["committed"] == [{"dataset": "examples", "key": "2026-03-05", "name": attempt}]


def test_failed_step_leaves_the_reason_and_whether_to_retry(settings: Settings) -> None:
    def down(_settings: Settings, _run: RunContext) -> dict[str, Any]:
        raise RegistryError("registry", found="nothing", expected="an answer", fix="Start it.")

    with pytest.raises(RegistryError):
        perform("publish", down, settings, RUN)
    report = past_report(settings, RUN.run_id, "publish")
    assert report is not None
    assert report["error"]["retriable"] is True
    assert report["error"]["text"] == "registry: found nothing; expected an answer. Start it."


def test_report_of_an_earlier_attempt_is_removed(settings: Settings) -> None:
    perform("train", lambda _s, _r: {}, settings, RUN)

    def killed(_settings: Settings, _run: RunContext) -> dict[str, Any]:
        assert past_report(settings, RUN.run_id, "train") is None
        raise NoEventsError("events", found="none", expected="some", fix="Look.")

    with pytest.raises(NoEventsError):
        perform("train", killed, settings, RUN)


def test_process_reports_an_error_in_one_line_with_exit_code_1(tmp_path: Path) -> None:
    arguments = ["--date", "2026-03-05", "--run-id", "r1", "--set", f"home={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "leapline.steps.gate", *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.startswith("NotInLakeError: ")
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "runs/r1/gate.json").read_text())["error"]["kind"] == "NotInLakeError"


def test_overrides_are_parsed_as_key_value_pairs() -> None:
    assert parse_overrides(["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}
    with pytest.raises(SettingsError, match="KEY=VALUE"):
        parse_overrides(["a"])


def test_training_window_ends_the_day_before(settings: Settings) -> None:
    days = training_window(settings.model_copy(update={"training_days": 2}), date(2026, 3, 1))
    assert [d.isoformat() for d in days] == ["2026-02-27", "2026-02-28"]


def test_lineage_names_code_and_libraries() -> None:
    assert code_version().startswith(f"{__version__}+")
    assert libraries()["pyspark"] == version("pyspark")
